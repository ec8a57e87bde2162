#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "kube/decode.h"
#include "kube/pack.h"

/* One object of each kind, with every field that is read set to something of its own. In a packed copy all
 * of it must be the same, with the original gone; and each of `others` must tell it from the original. */
struct kind_case {
    const char *json;
    struct {
        const char *from, *to;
    } others[24];
};

static const struct kind_case cases[] = {
    {
        "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/"
        "v1\",\"metadata\":{\"namespace\":\"n1\","
        "\"name\":\"i1\",\"uid\":\"u1\",\"creationTimestamp\":\"2026-01-31T23:59:59Z\","
        "\"annotations\":{"
        "\"nginx.ingress.kubernetes.io/"
        "ssl-redirect\":\"a1\"}},\"spec\":{\"ingressClassName\":\"c1\","
        "\"defaultBackend\":{\"service\":{\"name\":\"d1\",\"port\":{\"number\":1081}}},\"tls\":[{"
        "\"hosts\":"
        "[\"h1\",\"h2\"],\"secretName\":\"s1\"}],\"rules\":[{\"host\":\"r1\",\"http\":{\"paths\":[{"
        "\"path\":"
        "\"/"
        "p1\",\"pathType\":\"Exact\",\"backend\":{\"service\":{\"name\":\"b1\",\"port\":{\"name\":"
        "\"o1\"}}}},{\"path\":\"/"
        "p2\",\"pathType\":\"Prefix\",\"backend\":{\"resource\":{\"kind\":\"k1\","
        "\"name\":\"x1\",\"apiGroup\":\"g\"}}}]}},{\"host\":\"r2\"}]}}",
        { { "\"n1\"", "\"n9\"" },
          { "\"i1\"", "\"i9\"" },
          { "u1", "u9" },
          { "23:59:59", "23:59:58" },
          { "ssl-redirect", "ssl-redirec" },
          { "a1", "a9" },
          { "c1", "c9" },
          { "d1", "d9" },
          { "1081", "1082" },
          { "h2", "h9" },
          { ",\"h2\"", "" },
          { "s1", "s9" },
          { "r1", "r9" },
          { "p1", "p9" },
          { "Exact", "Prefix" },
          { "b1", "b9" },
          { "o1", "o9" },
          { "k1", "k9" },
          { "x1", "x9" },
          { ",{\"host\":\"r2\"}", "" },
          { "{\"host\":\"r2\"}", "{\"http\":{\"paths\":[]}}" },
          { "\"secretName\":\"s1\"", "\"secretName\":\"\"" },
          { ",\"secretName\":\"s1\"", "" } },
    },
    {
        "{\"kind\":\"IngressClass\",\"apiVersion\":\"networking.k8s.io/"
        "v1\",\"metadata\":{\"name\":\"i1\","
        "\"annotations\":{\"ingressclass.kubernetes.io/is-default-class\":\"true\"}},\"spec\":{"
        "\"controller\":\"c1\"}}",
        { { "c1", "c9" }, { "\"true\"", "\"false\"" } },
    },
    {
        "{\"kind\":\"Service\",\"apiVersion\":\"v1\",\"metadata\":{\"namespace\":\"n1\",\"name\":"
        "\"s1\"},"
        "\"spec\":{\"type\":\"NodePort\",\"clusterIP\":\"10.0.0.1\",\"externalName\":\"e1\","
        "\"ports\":["
        "{\"name\":\"p1\",\"port\":1081,\"targetPort\":1082,\"protocol\":\"TCP\",\"appProtocol\":"
        "\"a1\"},"
        "{\"name\":\"p2\",\"port\":1083,\"targetPort\":\"t1\"}]}}",
        { { "NodePort", "LoadBalancer" },
          { "10.0.0.1", "10.0.0.9" },
          { "e1", "e9" },
          { "p1", "p9" },
          { "1081", "1091" },
          { "1082", "1092" },
          { "TCP", "UDP" },
          { "a1", "a9" },
          { "t1", "t9" } },
    },
    {
        "{\"kind\":\"EndpointSlice\",\"apiVersion\":\"discovery.k8s.io/"
        "v1\",\"metadata\":{\"namespace\":"
        "\"n1\",\"name\":\"e1\",\"labels\":{\"kubernetes.io/"
        "service-name\":\"s1\"}},\"addressType\":"
        "\"IPv4\",\"ports\":[{\"name\":\"p1\",\"port\":1081,\"protocol\":\"TCP\",\"appProtocol\":"
        "\"a1\"}],"
        "\"endpoints\":[{\"addresses\":[\"10.0.0.1\",\"10.0.0.2\"],\"conditions\":{\"ready\":true,"
        "\"serving\":true,\"terminating\":false}},{\"addresses\":[\"10.0.0.3\"]}]}",
        { { "s1", "s9" },
          { "IPv4", "IPv6" },
          { "p1", "p9" },
          { "1081", "1091" },
          { "TCP", "SCTP" },
          { "a1", "a9" },
          { "10.0.0.2", "10.0.0.9" },
          { "\"ready\":true", "\"ready\":false" },
          { "\"serving\":true", "\"serving\":false" },
          { "terminating\":false", "terminating\":true" },
          { "10.0.0.3", "10.0.0.4" } },
    },
    {
        "{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"namespace\":\"n1\",\"name\":"
        "\"s1\"},"
        "\"type\":\"t1\",\"data\":{\"k1\":\"QUFB\",\"k2\":\"\"}}",
        { { "t1", "t9" }, { "k1", "k9" }, { "QUFB", "QUFC" }, { ",\"k2\":\"\"", "" } },
    },
    {
        "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"namespace\":\"n1\",\"name\":"
        "\"s1\"},"
        "\"data\":{\"k1\":\"v1\"}}",
        { { "k1", "k9" }, { "v1\"}", "v9\"}" } },
    },
    {
        "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"n1\"}}",
        { { "\"n1\"", "\"n9\"" } },
    },
};

static struct kube_object *pack(const char *json)
{
    struct kube_bundle *bundle = kube_bundle_decode_item(span_from_str(json), KUBE_INGRESS);

    assert_int_equal(bundle->objects.len, 1);
    struct kube_object *packed = kube_object_pack(&bundle->objects.items[0]);
    assert_true(kube_object_eq(packed, &bundle->objects.items[0]));
    kube_bundle_free(bundle);
    return packed;
}

/* `json` with the first `from` as `to`. */
static char *replaced(const char *json, const char *from, const char *to)
{
    const char *at = strstr(json, from);
    struct buf out = { 0 };

    assert_non_null(at);
    buf_append(&out, span_of(json, (size_t)(at - json)));
    buf_append(&out, span_from_str(to));
    buf_append(&out, span_from_str(at + strlen(from)));
    buf_append_byte(&out, '\0');
    return out.ptr;
}

static void every_field_is_kept_and_compared(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_object *first = pack(cases[i].json), *second = pack(cases[i].json);
        assert_true(kube_object_eq(first, second));
        for (size_t j = 0; j < ARRAY_LEN(cases[i].others) && cases[i].others[j].from; j++) {
            char *json = replaced(cases[i].json, cases[i].others[j].from, cases[i].others[j].to);
            struct kube_object *other = pack(json);
            if (kube_object_eq(first, other))
                fail_msg("case %zu: %s makes no difference", i, cases[i].others[j].from);
            kube_object_free(other);
            mem_free(json);
        }
        kube_object_free(first);
        kube_object_free(second);
    }
}

static void versions_and_statuses_make_no_difference(void **state)
{
    const char *json =
        "{\"kind\":\"Ingress\",\"apiVersion\":\"networking.k8s.io/"
        "v1\",\"metadata\":{\"namespace\":\"n1\","
        "\"name\":\"i1\",\"resourceVersion\":\"v1\"},\"spec\":{},\"status\":{\"loadBalancer\":{"
        "\"ingress\":[{\"ip\":"
        "\"1.2.3.4\"}]}}}";
    char *later = replaced(json, "v1\"}", "v2\"}"),
         *elsewhere = replaced(json, "1.2.3.4", "1.2.3.5");
    struct kube_object *first = pack(json), *second = pack(later), *third = pack(elsewhere);

    (void)state;
    assert_true(kube_object_eq(first, second));
    assert_true(span_eq(second->resource_version, SPAN("v2")));
    assert_true(kube_object_eq(first, third));
    assert_true(first->ingress.load_balancer != third->ingress.load_balancer);
    kube_object_free(first);
    kube_object_free(second);
    kube_object_free(third);
    mem_free(later);
    mem_free(elsewhere);
}

static void items_of_a_list_need_not_say_what_they_are(void **state)
{
    struct kube_bundle *bundle =
        kube_bundle_decode_item(SPAN("{\"metadata\":{\"name\":\"a\",\"namespace\":\"n\"},\"spec\":{"
                                     "\"new\":1,\"ports\":[]}}"),
                                KUBE_SERVICE);

    (void)state;
    assert_int_equal(bundle->objects.len, 1);
    assert_int_equal(bundle->objects.items[0].kind, KUBE_SERVICE);
    assert_int_equal(bundle->diags.diags.len, 0);
    kube_bundle_free(bundle);

    bundle = kube_bundle_decode_item(SPAN("{\"metadata\":"), KUBE_SERVICE);
    assert_int_equal(bundle->objects.len, 0);
    assert_int_equal(bundle->diags.diags.len, 1);
    kube_bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_kept_and_compared),
        cmocka_unit_test(versions_and_statuses_make_no_difference),
        cmocka_unit_test(items_of_a_list_need_not_say_what_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
