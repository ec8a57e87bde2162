#include "route/model.h"

/* ingress-nginx's own, as docs/compatibility.md lists them. */

#define COMPRESSED_TYPES                                                                 \
    "text/html application/atom+xml application/javascript application/x-javascript "    \
    "application/json application/rss+xml application/vnd.ms-fontobject "                \
    "application/x-font-ttf application/x-web-app-manifest+json application/xhtml+xml "  \
    "application/xml font/opentype image/svg+xml image/x-icon text/css text/javascript " \
    "text/plain text/x-component"

static const struct ip_block trusted_default[] = {
    { .addr.bytes = { [10] = 0xFF, [11] = 0xFF }, .prefix_bits = 96 }, /* 0.0.0.0/0 */
};

static struct route_tls_settings tls_default(void)
{
    return (struct route_tls_settings){
        .versions = ROUTE_TLS_1_2 | ROUTE_TLS_1_3,
        .ciphers = SPAN_EMPTY,
        .groups = SPAN_EMPTY,
        .cipher_choice = ROUTE_CIPHERS_OF_SERVER,
        .resumption = true,
        .session_timeout_ms = 600000,
        .hsts = SPAN_EMPTY, /* put together of its keys, whose defaults the reader has */
    };
}

struct route_settings route_settings_default(void)
{
    return (struct route_settings){
        .generate_request_id = true,
        .ignore_invalid_headers = true,
        .forwarded_for_header = SPAN("X-Forwarded-For"),
        .trusted = trusted_default,
        .trusted_len = ARRAY_LEN(trusted_default),
        .access_log = true,
        .log_format = SPAN_EMPTY,
        .keep_alive_ms = 75000,
        .keep_alive_requests = 1000,
        .client_header_timeout_ms = 60000,
        .client_body_timeout_ms = 60000,
        .upstream_idle_max = 320,
        .upstream_idle_timeout_ms = 60000,
        .upstream_requests_max = 10000,
        .upstream_age_max_ms = 3600000,
        .http2 = true,
        .http2_streams_max = 128,
        .proxy_protocol_timeout_ms = 5000,
        .tls = tls_default(),
        .gzip = { .level = 1, .length_min = 256, .types = SPAN(COMPRESSED_TYPES) },
        .brotli = { .level = 4,
                    .length_min = 20,
                    .types = SPAN("application/xml+rss " COMPRESSED_TYPES) },
        .stream = { .timeout_ms = 600000,
                    .next_upstream = true,
                    .next_upstream_timeout_ms = 600000,
                    .next_upstream_tries = 3,
                    .responses = 1,
                    .access_log = true,
                    .log_format = SPAN_EMPTY },
    };
}

struct route_policy route_policy_default(void)
{
    return (struct route_policy){
        .connect_timeout_ms = 5000,
        .read_timeout_ms = 60000,
        .send_timeout_ms = 60000,
        .retry_tries = 3,
        .retry_on = ROUTE_RETRY_ERROR | ROUTE_RETRY_TIMEOUT,
        .body_bytes_max = 1 << 20,
    };
}
