#include "image/dump.h"

#include "base/ip.h"
#include "image/describe.h"
#include "route/model.h"

/* In the image's own order, which is the model's: what is compared in golden tests must not depend
 * on hashes. Names instead of indexes; of keys, nothing. */

static const char *const path_kinds[] = {
    [ROUTE_PATH_EXACT] = "Exact", [ROUTE_PATH_PREFIX] = "Prefix"
};
static const char *const filter_kinds[] = {
    [ROUTE_FILTER_HTTPS_REDIRECT] = "https-redirect", [ROUTE_FILTER_RESPOND] = "respond"
};
static const char *const transports[] = {
    [ROUTE_TRANSPORT_TCP] = "tcp", [ROUTE_TRANSPORT_UDP] = "udp"
};
static const char *const balances[] = { [ROUTE_BALANCE_ROUND_ROBIN] = "round-robin" };
static const char *const log_escapes[] = { [ROUTE_LOG_ESCAPE_DEFAULT] = "default",
                                           [ROUTE_LOG_ESCAPE_JSON] = "json",
                                           [ROUTE_LOG_ESCAPE_NONE] = "none" };

struct dump {
    const struct image_view *view;
    struct buf *out;
};

/* Names come from manifests, where anyone may write anything: control bytes stay on their line. */
static void put_text(struct dump *dump, struct image_str text)
{
    buf_append_json(dump->out, image_str_get(dump->view, text));
}

static void put_quoted(struct dump *dump, struct image_str text)
{
    buf_append_byte(dump->out, '"');
    put_text(dump, text);
    buf_append_byte(dump->out, '"');
}

/* A long list that hardly anyone changes. */
static void put_list(struct dump *dump, struct image_str text, struct span built_in)
{
    if (span_eq(image_str_get(dump->view, text), built_in))
        buf_append(dump->out, SPAN("built-in"));
    else
        put_quoted(dump, text);
}

static void dump_origin(struct dump *dump, uint32_t index)
{
    const struct image_origin *origin = image_origin_get(dump->view, index);

    if (origin->name.len == 0) { /* made by yett itself */
        buf_append_byte(dump->out, '\n');
        return;
    }
    buf_append(dump->out, SPAN("  # "));
    put_text(dump, origin->kind);
    buf_append_byte(dump->out, ' ');
    put_text(dump, origin->namespace);
    buf_append_byte(dump->out, '/');
    put_text(dump, origin->name);
    if (origin->field.len > 0) {
        buf_append_byte(dump->out, ' ');
        put_text(dump, origin->field);
    }
    if (origin->file.len > 0) {
        buf_append_byte(dump->out, ' ');
        put_text(dump, origin->file);
        buf_printf(dump->out, ":%u", origin->line);
    }
    buf_append_byte(dump->out, '\n');
}

static void dump_predicate(struct dump *dump, const struct image_predicate *predicate)
{
    buf_append(dump->out, SPAN("      when "));
    if (predicate->kind == ROUTE_PREDICATE_METHOD) {
        buf_append(dump->out, SPAN("method"));
    } else {
        buf_append(dump->out, SPAN("header "));
        put_text(dump, predicate->name);
    }
    buf_append(dump->out, SPAN(" = "));
    put_quoted(dump, predicate->value);
    buf_append_byte(dump->out, '\n');
}

static void dump_filter(struct dump *dump, const struct image_filter *filter)
{
    buf_printf(dump->out, "      filter %s %u%s\n", filter_kinds[filter->kind], filter->status,
               filter->flags & IMAGE_FILTER_KEEP_TRAILING_SLASH ? " keep-trailing-slash" : "");
}

static void dump_tls_versions(struct dump *dump, uint32_t versions)
{
    static const char *const names[] = {
        [0] = "any",
        [ROUTE_TLS_1_2] = "1.2",
        [ROUTE_TLS_1_3] = "1.3",
        [ROUTE_TLS_1_2 | ROUTE_TLS_1_3] = "1.2+1.3",
    };

    buf_printf(dump->out, " versions=%s", names[versions]);
}

static void dump_backend_tls(struct dump *dump, const struct image_backend_tls *tls)
{
    buf_append(dump->out, SPAN("      backend tls name="));
    put_quoted(dump, tls->name);
    if (tls->flags & IMAGE_BACKEND_TLS_VERIFY)
        buf_printf(dump->out, " verify depth=%u", tls->depth);
    if (tls->flags & IMAGE_BACKEND_TLS_SEND_NAME)
        buf_append(dump->out, SPAN(" sni"));
    if (tls->certificate_id != 0)
        buf_printf(dump->out, " certificate=%016lx", (unsigned long)tls->certificate_id);
    if (tls->authorities_id != 0)
        buf_printf(dump->out, " authorities=%016lx", (unsigned long)tls->authorities_id);
    if (tls->flags & IMAGE_BACKEND_TLS_BROKEN)
        buf_append(dump->out, SPAN(" broken"));
    dump_tls_versions(dump, tls->versions);
    buf_append(dump->out, SPAN(" ciphers="));
    put_quoted(dump, tls->ciphers);
    buf_append_byte(dump->out, '\n');
}

static void dump_policy(struct dump *dump, const struct image_policy *policy)
{
    buf_printf(dump->out, "      policy connect=%ums read=%ums send=%ums tries=%u",
               policy->connect_timeout_ms, policy->read_timeout_ms, policy->send_timeout_ms,
               policy->retry_tries);
    buf_printf(dump->out, " within=%ums on=%s%s%s body=%lu\n", policy->retry_timeout_ms,
               policy->retry_on & ROUTE_RETRY_ERROR ? "e" : "-",
               policy->retry_on & ROUTE_RETRY_TIMEOUT ? "t" : "-",
               policy->retry_on & ROUTE_RETRY_NON_IDEMPOTENT ? "n" : "-",
               (unsigned long)policy->body_bytes_max);
    if (policy->protocol != ROUTE_PROTOCOL_UNSET)
        buf_printf(dump->out, "      protocol %s\n", image_describe_protocol(policy->protocol));
    if (policy->backend_tls != IMAGE_NONE)
        dump_backend_tls(dump, image_backend_tls_get(dump->view, policy->backend_tls));
}

static void dump_rule(struct dump *dump, const struct image_rule *rule)
{
    buf_append(dump->out, SPAN("    rule "));
    put_text(dump, rule->namespace);
    buf_append_byte(dump->out, '/');
    put_text(dump, rule->ingress);
    buf_append_byte(dump->out, ' ');
    put_quoted(dump, rule->path);
    dump_origin(dump, rule->origin);
    for (uint32_t i = 0; i < rule->predicates_len; i++)
        dump_predicate(dump, image_predicate_get(dump->view, rule->predicates_first + i));
    for (uint32_t i = 0; i < rule->filters_len; i++)
        dump_filter(dump, image_filter_get(dump->view, rule->filters_first + i));
    dump_policy(dump, image_policy_get(dump->view, rule->policy));
    for (uint32_t i = 0; i < rule->backends_len; i++) {
        const struct image_backend *backend =
            image_backend_get(dump->view, rule->backends_first + i);
        buf_append(dump->out, SPAN("      backend "));
        put_text(dump, image_service_get(dump->view, backend->service)->upstream_name);
        buf_printf(dump->out, " %u/%u\n", backend->weight, rule->weight_total);
    }
}

static void dump_path(struct dump *dump, const struct image_path *path)
{
    bool is_root = path->path.len == 0;

    buf_printf(dump->out, "  path %s ", path_kinds[path->kind]);
    if (is_root)
        buf_append_byte(dump->out, '/');
    else
        put_text(dump, path->path);
    buf_append_byte(dump->out, '\n');
    for (uint32_t i = 0; i < path->rules_len; i++)
        dump_rule(dump, image_rule_get(dump->view, path->rules_first + i));
}

static void dump_client_auth(struct dump *dump, const struct image_client_auth *auth)
{
    buf_printf(dump->out, "  client auth %s depth=%u", image_describe_client_auth(auth),
               auth->depth);
    if (auth->authorities_id != 0)
        buf_printf(dump->out, " authorities=%016lx", (unsigned long)auth->authorities_id);
    if (auth->match_cn.len > 0) {
        buf_append(dump->out, SPAN(" match="));
        put_quoted(dump, auth->match_cn);
    }
    if (auth->error_page.len > 0) {
        buf_append(dump->out, SPAN(" error-page="));
        put_quoted(dump, auth->error_page);
    }
    if (auth->flags & IMAGE_CLIENT_AUTH_PASS_CERTIFICATE)
        buf_append(dump->out, SPAN(" pass-certificate"));
    dump_origin(dump, auth->origin);
}

/* What a host says of TLS beyond its certificate. */
static void dump_host_tls(struct dump *dump, const struct image_host *host)
{
    if (host->tls_ciphers.len > 0) {
        buf_append(dump->out, SPAN("  ciphers "));
        put_quoted(dump, host->tls_ciphers);
        buf_append_byte(dump->out, '\n');
    }
    if (host->flags & (IMAGE_HOST_CIPHERS_OF_SERVER | IMAGE_HOST_CIPHERS_OF_CLIENT))
        buf_printf(dump->out, "  order of ciphers: the %s's\n",
                   host->flags & IMAGE_HOST_CIPHERS_OF_SERVER ? "server" : "client");
    if (host->client_auth != IMAGE_NONE)
        dump_client_auth(dump, image_client_auth_get(dump->view, host->client_auth));
    if (host->passthrough != IMAGE_NONE) {
        buf_append(dump->out, SPAN("  passthrough "));
        put_text(dump, image_service_get(dump->view, host->passthrough)->upstream_name);
        buf_append_byte(dump->out, '\n');
    }
}

static void dump_host(struct dump *dump, const struct image_host *host)
{
    buf_append(dump->out, SPAN("\nhost "));
    put_quoted(dump, host->name);
    if (host->flags & IMAGE_HOST_TLS)
        buf_append(dump->out, SPAN(" tls"));
    if (host->certificate_id != 0)
        buf_printf(dump->out, " certificate=%016lx", (unsigned long)host->certificate_id);
    if (host->other_certificate_id != 0)
        buf_printf(dump->out, " and=%016lx", (unsigned long)host->other_certificate_id);
    dump_origin(dump, host->origin);
    dump_host_tls(dump, host);
    for (uint32_t i = 0; i < host->paths_len; i++)
        dump_path(dump, image_path_get(dump->view, host->paths_first + i));
}

static void dump_endpoint(struct dump *dump, const struct image_segment_view *segment,
                          const struct image_endpoint *endpoint)
{
    char text[IP_TEXT_MAX];
    struct ip_addr ip;

    buf_append(dump->out, SPAN("  endpoint "));
    if (endpoint->kind == ROUTE_ENDPOINT_DNS) {
        buf_append_json(dump->out, image_text(segment, endpoint->dns_name));
    } else {
        memcpy(ip.bytes, endpoint->ip, sizeof(ip.bytes));
        struct span address = span_of(text, ip_format(&ip, text));
        bool is_v4 = ip_is_v4(&ip);
        buf_append(dump->out, is_v4 ? SPAN_EMPTY : SPAN("["));
        buf_append(dump->out, address);
        buf_append(dump->out, is_v4 ? SPAN_EMPTY : SPAN("]"));
    }
    buf_printf(dump->out, ":%u\n", endpoint->port);
}

static void dump_service(struct dump *dump, const struct image_service *service)
{
    struct image_endpoints endpoints = image_endpoints_find(dump->view, service->key);

    buf_append(dump->out, SPAN("\nservice "));
    put_text(dump, service->upstream_name);
    buf_printf(dump->out, " %s %s",
               service->transport == ROUTE_TRANSPORT_UDP
                   ? "udp"
                   : image_describe_protocol(service->protocol),
               balances[service->balance]);
    dump_origin(dump, service->origin);
    for (uint32_t i = 0; i < endpoints.len; i++)
        dump_endpoint(dump, endpoints.segment, &endpoints.items[i]);
}

static void dump_settings_flags(struct dump *dump, uint32_t flags)
{
    static const struct {
        enum image_settings_flag flag;
        const char *name;
    } names[] = {
        { IMAGE_USE_FORWARDED_HEADERS, "use-forwarded-headers" },
        { IMAGE_ENABLE_REAL_IP, "enable-real-ip" },
        { IMAGE_COMPUTE_FULL_FORWARDED_FOR, "compute-full-forwarded-for" },
        { IMAGE_GENERATE_REQUEST_ID, "generate-request-id" },
        { IMAGE_ALLOW_UNDERSCORES, "allow-underscores-in-headers" },
        { IMAGE_IGNORE_INVALID_HEADERS, "ignore-invalid-headers" },
        { IMAGE_ACCESS_LOG, "access-log" },
        { IMAGE_HTTP2, "http2" },
        { IMAGE_PROXY_PROTOCOL, "proxy-protocol" },
        { IMAGE_GZIP, "gzip" },
        { IMAGE_BROTLI, "brotli" },
        { IMAGE_TLS_CIPHERS_OF_SERVER, "tls-ciphers-of-server" },
        { IMAGE_TLS_RESUMPTION, "tls-resumption" },
        { IMAGE_TLS_REJECT_UNKNOWN, "tls-reject-unknown" },
        { IMAGE_TLS_PASSTHROUGH, "tls-passthrough" },
        { IMAGE_STREAM_NEXT_UPSTREAM, "stream-next-upstream" },
        { IMAGE_STREAM_ACCESS_LOG, "stream-access-log" },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (flags & names[i].flag)
            buf_printf(dump->out, " %s", names[i].name);
    }
}

static void dump_trusted(struct dump *dump, const struct image_block *block)
{
    char text[IP_TEXT_MAX];
    struct ip_addr ip;

    memcpy(ip.bytes, block->addr, sizeof(ip.bytes));
    unsigned bits =
        ip_is_v4(&ip) && block->prefix_bits >= 96 ? block->prefix_bits - 96 : block->prefix_bits;
    buf_append(dump->out, SPAN("  trusted "));
    buf_append(dump->out, span_of(text, ip_format(&ip, text)));
    buf_printf(dump->out, "/%u\n", bits);
}

static void dump_settings_tls(struct dump *dump, const struct image_settings *settings)
{
    const struct route_settings built_in = route_settings_default();

    buf_append(dump->out, SPAN("  tls"));
    dump_tls_versions(dump, settings->tls_versions);
    buf_printf(dump->out, " sessions %us ciphers ", settings->tls_session_timeout_s);
    put_list(dump, settings->tls_ciphers, built_in.tls.ciphers);
    buf_append(dump->out, SPAN(" groups "));
    put_quoted(dump, settings->tls_groups);
    buf_printf(dump->out, "%s\n  hsts ", settings->tls_dh.len > 0 ? " dh" : "");
    put_quoted(dump, settings->hsts);
    buf_printf(dump->out, "\n  http2 streams %u, proxy protocol within %ums\n",
               settings->http2_streams_max, settings->proxy_protocol_timeout_ms);
}

static void dump_settings_compression(struct dump *dump, const struct image_settings *settings)
{
    const struct route_settings built_in = route_settings_default();

    buf_printf(dump->out, "  gzip level %u from %u ", settings->gzip_level,
               settings->gzip_length_min);
    put_list(dump, settings->gzip_types, built_in.gzip.types);
    buf_append(dump->out, SPAN(" not for "));
    put_quoted(dump, settings->gzip_not_for);
    buf_printf(dump->out, "\n  brotli level %u from %u ", settings->brotli_level,
               settings->brotli_length_min);
    put_list(dump, settings->brotli_types, built_in.brotli.types);
    buf_append_byte(dump->out, '\n');
}

static void dump_settings_stream(struct dump *dump, const struct image_settings *settings)
{
    buf_printf(dump->out, "  stream idle %ums, next upstream %u within %ums, responses %u, log ",
               settings->stream_timeout_ms, settings->stream_next_upstream_tries,
               settings->stream_next_upstream_timeout_ms, settings->stream_responses);
    put_quoted(dump, settings->stream_log_format);
    buf_append_byte(dump->out, '\n');
}

static void dump_listener(struct dump *dump, const struct image_listener *listener)
{
    buf_printf(dump->out, "  listener %s %u to ", transports[listener->transport], listener->port);
    put_text(dump, image_service_get(dump->view, listener->service)->upstream_name);
    if (listener->flags & IMAGE_LISTENER_ACCEPT_PROXY)
        buf_append(dump->out, SPAN(" accept-proxy"));
    if (listener->flags & IMAGE_LISTENER_SEND_PROXY_V1)
        buf_append(dump->out, SPAN(" send-proxy"));
    if (listener->flags & IMAGE_LISTENER_SEND_PROXY_V2)
        buf_append(dump->out, SPAN(" send-proxy-v2"));
    dump_origin(dump, listener->origin);
}

static void dump_settings(struct dump *dump, const struct image_settings *settings)
{
    buf_append(dump->out, SPAN("settings"));
    dump_settings_flags(dump, settings->flags);
    buf_append(dump->out, SPAN("\n  forwarded-for-header "));
    put_quoted(dump, settings->forwarded_for_header);
    buf_printf(dump->out, "\n  log %s ", log_escapes[settings->log_escape]);
    put_quoted(dump, settings->log_format);
    buf_printf(dump->out, "\n  keep-alive %ums %u requests, client header %ums body %ums\n",
               settings->keep_alive_ms, settings->keep_alive_requests,
               settings->client_header_timeout_ms, settings->client_body_timeout_ms);
    buf_printf(dump->out, "  upstream idle %u for %ums, %u requests within %ums\n",
               settings->upstream_idle_max, settings->upstream_idle_timeout_ms,
               settings->upstream_requests_max, settings->upstream_age_max_ms);
    dump_settings_tls(dump, settings);
    dump_settings_compression(dump, settings);
    dump_settings_stream(dump, settings);
    for (uint32_t i = 0; i < image_listener_count(dump->view); i++)
        dump_listener(dump, image_listener_get(dump->view, i));
    for (uint32_t i = 0; i < image_trusted_count(dump->view); i++)
        dump_trusted(dump, image_trusted_get(dump->view, i));
    if (settings->default_certificate_id != 0)
        buf_printf(dump->out, "  default certificate=%016lx\n",
                   (unsigned long)settings->default_certificate_id);
    if (settings->default_rule != IMAGE_NONE) {
        buf_append(dump->out, SPAN("  default\n"));
        dump_rule(dump, image_rule_get(dump->view, settings->default_rule));
    }
}

static void dump_secrets(struct dump *dump)
{
    const struct image_segment_view *secrets = &dump->view->secrets;

    for (uint32_t i = 0; i < secrets->count[IMAGE_SECTION_CERTIFICATES]; i++) {
        const struct image_certificate *certificate = image_certificate_get(dump->view, i);
        buf_printf(dump->out, "\ncertificate %016lx chain %u bytes\n",
                   (unsigned long)certificate->id, certificate->chain_pem.len);
    }
    for (uint32_t i = 0; i < secrets->count[IMAGE_SECTION_AUTHORITIES]; i++) {
        const struct image_authorities *authorities = image_authorities_get(dump->view, i);
        buf_printf(dump->out, "\nauthorities %016lx %u bytes, revoked %u bytes\n",
                   (unsigned long)authorities->id, authorities->ca_pem.len,
                   authorities->crl_pem.len);
    }
    if (image_ticket_key_count(dump->view) > 0)
        buf_printf(dump->out, "\nticket keys %u\n", image_ticket_key_count(dump->view));
}

void image_dump(const struct image_view *view, struct buf *out)
{
    struct dump dump = { view, out };

    dump_settings(&dump, image_settings_get(view));
    image_for_each(i, view, IMAGE_SECTION_HOSTS) dump_host(&dump, image_host_get(view, i));
    image_for_each(i, view, IMAGE_SECTION_SERVICES) dump_service(&dump, image_service_get(view, i));
    dump_secrets(&dump);
}
