#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scope.h"
#include "fixture.h"
#include "image/dump.h"

static const char *const lines[] = {
    "settings generate-request-id ignore-invalid-headers access-log http2 tls-ciphers-of-server "
    "tls-resumption tls-passthrough stream-next-upstream stream-access-log\n",
    "  tls versions=1.2+1.3 sessions 600s ciphers built-in groups \"\"\n",
    "  hsts \"\"\n",
    "  gzip level 1 from 256 built-in not for \"\"\n",
    "  stream idle 600000ms, next upstream 3 within 600000ms, responses 1, log \"\"\n",
    "  listener tcp 5432 to ns-database-5432 accept-proxy send-proxy\n",
    "  listener udp 53 to ns-names-53\n",
    "  ciphers \"HIGH\"\n  order of ciphers: the client's\n"
    "  client auth on depth=3 authorities=0000000000000016 match=\"CN=ops\" "
    "error-page=\"https://error.example.com/\" pass-certificate\n",
    "      protocol https\n      backend tls name=\"backend.internal\" verify depth=2 sni "
    "certificate=0000000000000037 authorities=0000000000000042 versions=1.2 ciphers=\"DEFAULT\"\n",
    "\nservice ns-names-53 udp round-robin\n",
    "\nauthorities 0000000000000016 5 bytes, revoked 3 bytes\n",
    "\nticket keys 1\n",
    "  forwarded-for-header \"X-Forwarded-For\"\n",
    "  keep-alive 75000ms 1000 requests, client header 60000ms body 60000ms\n",
    "  trusted 0.0.0.0/0\n",
    "  default certificate=000000000000000b\n",
    "\nhost \"a.example.com\" tls certificate=000000000000004d\n  passthrough ns-main-80\n"
    "  path Exact /exact\n",
    "    rule ns/ing \"a.example.com/canary\"  # Ingress ns/ing a.yaml:3\n",
    "      when method = \"GET\"\n      when header x-canary = \"always\"\n",
    "      filter https-redirect 308 keep-trailing-slash\n      filter respond 503\n",
    "      policy connect=5000ms read=60000ms send=60000ms tries=3 within=0ms",
    " within=0ms on=et- body=1048576\n",
    "      backend ns-canary-80 30/100\n      backend ns-main-80 70/100\n",
    "  path Prefix /canary\n",
    "  path Prefix /\n",
    "\nhost \"*.example.com\" and=0000000000000058\n",
    "  path Prefix /deep/er/path\n",
    "\nhost \"\"\n  path Prefix /any\n",
    "\nservice ns-main-80 http round-robin\n  endpoint 10.1.0.0:8080\n  endpoint 10.1.0.1:8080\n",
    "\nservice ns-wild-80 http round-robin\n  endpoint backend.example.net:443\n",
    "\nservice ns-any-80 http round-robin\n\n",
    "\ncertificate 000000000000000b chain 8 bytes\n",
    "  endpoint [2001:db8::1]:9\n",
};

static bool holds(struct span text, const char *needle)
{
    return memmem(text.ptr, text.len, needle, strlen(needle)) != NULL;
}

static struct route_model *model_new(void)
{
    struct route_model *model = fixture_model_rich();
    struct route_service *service = fixture_service(model, "six");

    fixture_rule(model, "six.example.com", ROUTE_PATH_PREFIX, "", "six");
    service->endpoints[0].ip = (struct ip_addr){ { 0x20, 0x01, 0x0D, 0xB8, [15] = 1 } };
    service->endpoints[0].port = 9;
    return model;
}

static void test_dump_names_everything(void **state)
{
    (void)state;
    struct route_model *model = model_new();
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    SCOPED(buf_deinit) struct buf out = { 0 };

    image_dump(view, &out);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        if (!holds(buf_span(&out), lines[i]))
            fail_msg("missing: %s\nin: " SPAN_FMT, lines[i], SPAN_ARG(buf_span(&out)));
    }
    assert_false(holds(buf_span(&out), "key-")); /* nor any key */
    assert_false(holds(buf_span(&out), "chain-"));
    route_model_free(model);
}

/* Whatever a manifest says, it says on its own line. */
static void test_dump_escapes_control_bytes(void **state)
{
    (void)state;
    struct route_model *model = route_model_new();

    fixture_rule(model, "h", ROUTE_PATH_PREFIX, "/a\nhost \"evil\"", "s");
    SCOPED(image_view_unrefp) struct image_view *view = fixture_view(model);
    SCOPED(buf_deinit) struct buf out = { 0 };
    image_dump(view, &out);
    assert_true(holds(buf_span(&out), "  path Prefix /a\\nhost \\\"evil\\\"\n"));
    assert_false(holds(buf_span(&out), "\nhost \"evil\""));
    route_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dump_names_everything),
        cmocka_unit_test(test_dump_escapes_control_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
