#include "proxy/log/access_format.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct http_header headers[] = {
    { "User-Agent", "curl/8 \"x\"\t\xff\\", 13, 10, HTTP_NAME_OTHER },
    { "Referer", "http://r/", 9, 7, HTTP_NAME_OTHER },
};

static const struct access_try tries[] = {
    { .ip = { { [10] = 0xFF, 0xFF, 10, 0, 0, 1 } },
      .port = 8080,
      .start_us = 1000,
      .end_us = 3500000 },
    { .ip = { { 0xFD, [15] = 1 } },
      .port = 80,
      .status = 200,
      .start_us = 4000000,
      .connected_us = 4001000,
      .header_us = 4012000,
      .end_us = 4020000,
      .response_bytes = 77 },
};

static const struct http_head request = { .method_text = { "GET", 3 },
                                          .target = { "/a?b=\"c", 7 },
                                          .host = { "h.test", 6 },
                                          .version_minor = 1,
                                          .headers = headers,
                                          .headers_len = 2 };

static const struct ip_addr proxied = { { [10] = 0xFF, 0xFF, 10, 8, 8, 8 } };

static const struct access_record record = {
    .request = &request,
    .client_ip = { "192.0.2.1", 9 },
    .peer_ip = { { [10] = 0xFF, 0xFF, 10, 9, 9, 9 } },
    .proxied_ip = &proxied,
    .client_port = 4711,
    .server_port = 443,
    .scheme = { "https", 5 },
    .host = { "h.test", 6 },
    .path = { "/a", 2 },
    .query = { "b=\"c", 4 },
    .request_id = { "id\t\xff\"", 5 },
    .status = 200,
    .request_bytes = 120,
    .response_head_bytes = 100,
    .response_bytes = 77,
    .duration_us = 12345678,
    .wall_ns = 1795560000123000000u,
    .namespace = { "ns", 2 },
    .ingress = { "ing", 3 },
    .service = { "svc", 3 },
    .service_port = { "http", 4 },
    .upstream_name = { "ns-svc-http", 11 },
    .tries = tries,
    .tries_len = 2,
    .tls_protocol = { "TLSv1.3", 7 },
    .tls_cipher = { "TLS_AES", 7 },
    .tls_server_name = { "h.test", 6 },
    .connection_requests = 5,
};

static const struct {
    const char *format, *expected;
} lines[] = {
    { "", "" },
    { "plain $ $$ ${ ${x $- end", "plain $ $$ ${ ${x $- end" },
    { "$unknown ${unknown}x", "- -x" },
    { "$remote_addr $the_real_ip $realip_remote_addr $remote_port",
      "192.0.2.1 192.0.2.1 10.9.9.9 4711" },
    { "$proxy_protocol_addr", "10.8.8.8" },
    { "[$time_local] $time_iso8601 $msec",
      "[24/Nov/2026:22:40:00 +0000] 2026-11-24T22:40:00+00:00 1795560000.123" },
    { "\"$request\"", "\"GET /a?b=\\x22c HTTP/1.1\"" },
    { "$request_method $request_uri $uri $args $query_string $server_protocol",
      "GET /a?b=\\x22c /a b=\\x22c b=\\x22c HTTP/1.1" },
    { "$scheme $pass_access_scheme $host $server_name $best_http_host $server_port",
      "https https h.test h.test h.test 443" },
    { "$status $body_bytes_sent $bytes_sent $request_length $request_time",
      "200 77 177 120 12.345" },
    { "$req_id|$request_id", "id\\x09\\xFF\\x22|id\\x09\\xFF\\x22" },
    { "$namespace/$ingress_name/$service_name/$service_port [$proxy_upstream_name]",
      "ns/ing/svc/http [ns-svc-http]" },
    { "$proxy_alternative_upstream_name", "" },
    { "$upstream_addr", "10.0.0.1:8080, [fd00::1]:80" },
    { "$upstream_status|$upstream_response_length", "-, 200|0, 77" },
    { "$upstream_response_time|$upstream_connect_time|$upstream_header_time",
      "3.499, 0.020|-, 0.001|-, 0.012" },
    { "$ssl_protocol $ssl_cipher $ssl_server_name $connection_requests",
      "TLSv1.3 TLS_AES h.test 5" },
    { "$http_user_agent|$http_USER_AGENT|${http_referer}x|$http_none",
      "curl/8 \\x22x\\x22\\x09\\xFF\\x5C|curl/8 \\x22x\\x22\\x09\\xFF\\x5C|http://r/x|-" },
    { "$remote_user", "-" },
};

static void test_variables(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct access_format format = { 0 };
        struct buf out = { 0 };

        print_message("%s\n", lines[i].format);
        access_format_set(&format, span_from_str(lines[i].format), ACCESS_ESCAPE_DEFAULT);
        access_format_write(&format, &record, &out);
        buf_append_byte(&out, '\0');
        assert_string_equal(out.ptr, lines[i].expected);
        buf_deinit(&out);
        access_format_deinit(&format);
    }
}

static void test_no_escaping(void **state)
{
    (void)state;
    struct access_format format = { 0 };
    struct buf out = { 0 };

    access_format_set(&format, SPAN("$req_id"), ACCESS_ESCAPE_NONE);
    access_format_write(&format, &record, &out);
    assert_true(span_eq(buf_span(&out), record.request_id));
    buf_deinit(&out);
    access_format_deinit(&format);
}

/* Whatever bytes a client sends, a line of the JSON form is one JSON object. */
static void test_json_is_json(void **state)
{
    (void)state;
    struct access_format format = { 0 };

    access_format_set(&format, access_format_json, ACCESS_ESCAPE_JSON);
    for (unsigned byte = 1; byte < 256; byte++) {
        char id[3] = { 'a', (char)byte, 'b' };
        struct http_header agent = { "User-Agent", id, 3, 10, HTTP_NAME_OTHER };
        struct http_head head = request;
        struct access_record odd = record;
        struct buf out = { 0 };
        json_error_t error;

        head.headers = &agent;
        head.headers_len = 1;
        odd.request = &head;
        odd.request_id = odd.host = span_of(id, 3);
        access_format_write(&format, &odd, &out);
        json_t *line = json_loadb(out.ptr, out.len, 0, &error);
        if (!line)
            fail_msg("byte %u: %s", byte, error.text);
        if (byte < 0x80)
            assert_memory_equal(json_string_value(json_object_get(line, "request_id")), id, 3);
        json_decref(line);
        buf_deinit(&out);
    }
    access_format_deinit(&format);
}

static void test_format_may_change(void **state)
{
    (void)state;
    struct access_format format = { 0 };
    struct buf out = { 0 };

    access_format_set(&format, SPAN("$status"), ACCESS_ESCAPE_DEFAULT);
    access_format_set(&format, SPAN("$status"), ACCESS_ESCAPE_JSON);
    access_format_set(&format, SPAN("[$status]"), ACCESS_ESCAPE_JSON);
    access_format_write(&format, &record, &out);
    assert_true(span_eq(buf_span(&out), SPAN("[200]")));
    buf_deinit(&out);
    access_format_deinit(&format);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_variables),
        cmocka_unit_test(test_no_escaping),
        cmocka_unit_test(test_json_is_json),
        cmocka_unit_test(test_format_may_change),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
