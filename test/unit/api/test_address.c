#include "api/address.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_span(struct span actual, const char *expected)
{
    if (!span_eq(actual, span_from_str(expected)))
        fail_msg("'" SPAN_FMT "' is not '%s'", SPAN_ARG(actual), expected);
}

static const struct {
    const char *text;
    bool is_https;
    const char *host;
    uint16_t port;
    const char *path;
} good[] = {
    { "https://a", true, "a", 443, "" },
    { "http://a", false, "a", 80, "" },
    { "HTTPS://A.example:6443", true, "A.example", 6443, "" },
    { "https://10.0.0.1:6443/", true, "10.0.0.1", 6443, "" },
    { "https://[::1]", true, "[::1]", 443, "" },
    { "https://[fd00::1]:6443/k8s/c//", true, "[fd00::1]", 6443, "/k8s/c" },
};

static const char *const bad[] = {
    "",
    "a",
    "//a",
    "ftp://a",
    "https://",
    "https:///x",
    "https://:443",
    "https://a:",
    "https://a:0",
    "https://a:65536",
    "https://a:b",
    "https://[::1",
    "https://[::1]x",
    "https://[::1]x:1",
    "https://a b",
    "https://a?b",
    "https://a#b",
    "https://u@a",
    "https://a\\b",
    "https://a\nb",
};

static void test_urls(void **state)
{
    (void)state;
    struct api_url url;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(api_url_parse(span_from_str(good[i].text), &url));
        assert_int_equal(url.is_https, good[i].is_https);
        assert_span(url.host, good[i].host);
        assert_int_equal(url.port, good[i].port);
        assert_span(url.path, good[i].path);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        if (api_url_parse(span_from_str(bad[i]), &url))
            fail_msg("'%s' is taken as a URL", bad[i]);
    }
}

static const struct {
    const char *server, *name, *url, *host_header, *connect_to;
} addresses[] = {
    { "https://10.0.0.1:6443", "", "https://10.0.0.1:6443", NULL, NULL },
    { "http://10.0.0.1", "kube", "http://10.0.0.1:80", NULL, NULL },
    { "https://10.0.0.1/base", "kube", "https://kube:443/base", "Host: 10.0.0.1:443",
      "::10.0.0.1:443" },
    { "https://[fd00::1]:6443", "kube", "https://kube:6443", "Host: [fd00::1]:6443",
      "::[fd00::1]:6443" },
    { "https://kube", "10.0.0.1", "https://10.0.0.1:443", "Host: kube:443", "::kube:443" },
    { "https://kube", "fd00::1", "https://[fd00::1]:443", "Host: kube:443", "::kube:443" },
};

static void test_a_tls_name_stands_in_the_url(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct api_address address;

        assert_true(api_address_init(&address, span_from_str(addresses[i].server),
                                     span_from_str(addresses[i].name)));
        assert_span(address.url, addresses[i].url);
        assert_int_equal(address.host_header != NULL, addresses[i].host_header != NULL);
        if (address.host_header) {
            assert_string_equal(address.host_header, addresses[i].host_header);
            assert_string_equal(address.connect_to->data, addresses[i].connect_to);
        }
        api_address_deinit(&address);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_a_tls_name_stands_in_the_url),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
