#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/scope.h"
#include "fixture.h"
#include "ingress/admit.h"

/* YAML in short: an Ingress with one rule. */
#define HEAD(name, created)                                                        \
    "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " name \
    ", namespace: shop, creationTimestamp: '2024-01-0" created "T00:00:00Z'"
#define BACKEND(service) "backend: {service: {name: " service ", port: {number: 80}}}"
#define PATH(path)       "{path: " path ", pathType: Prefix, " BACKEND("web") "}"
#define RULE(host, path) "{host: '" host "', http: {paths: [" PATH(path) "]}}"
#define INGRESS(name, created, host, path) \
    HEAD(name, created) "}\nspec: {ingressClassName: yett, rules: [" RULE(host, path) "]}\n"
#define ANNOTATED(name, created, annotation, host, path)                   \
    HEAD(name, created)                                                    \
    ", annotations: {nginx.ingress.kubernetes.io/" annotation "}}\nspec: " \
    "{ingressClassName: yett, rules: [" RULE(host, path) "]}\n"

/* Two authorities; in a quoted YAML text, an empty line is a line break. */
#define CA_ONE                                                             \
    "-----BEGIN CERTIFICATE-----\n\n"                                      \
    "MIIBcDCCARegAwIBAgIUJ/bdG1Dj2e5weaUpOzydRebft10wCgYIKoZIzj0EAwIw\n\n" \
    "DTELMAkGA1UEAwwCY2EwIBcNMjYxMTI3MTc0NTI2WhgPMjEyNjExMDMxNzQ1MjZa\n\n" \
    "MA0xCzAJBgNVBAMMAmNhMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEbOgbBTUQ\n\n" \
    "y9ECdsQQOYiovJyl/IDxP8cc4Bjv1ASE3OxEVP2DjyPUVXt7xsA02ZQE5z5b+yLb\n\n" \
    "3LGGAtXOonHEvKNTMFEwHQYDVR0OBBYEFKuHEj6jkyz+q+kqkxJWKPpT7fxhMB8G\n\n" \
    "A1UdIwQYMBaAFKuHEj6jkyz+q+kqkxJWKPpT7fxhMA8GA1UdEwEB/wQFMAMBAf8w\n\n" \
    "CgYIKoZIzj0EAwIDRwAwRAIgc16jXTlDdRuq4ETLEIk1wYQyo0psllcQm7ZYW54H\n\n" \
    "07UCIDyZkzBKog0eNof9m3YPt63Tp6pnXrzmr22Q+Atoti6v\n\n"                 \
    "-----END CERTIFICATE-----\n\n"
#define CA_TWO                                                             \
    "-----BEGIN CERTIFICATE-----\n\n"                                      \
    "MIIBfjCCASOgAwIBAgIUOVBVBPMWNZsYClNU5Re45mMpzTcwCgYIKoZIzj0EAwIw\n\n" \
    "EzERMA8GA1UEAwwIb3RoZXItY2EwIBcNMjYxMTI3MTc0NTI2WhgPMjEyNjExMDMx\n\n" \
    "NzQ1MjZaMBMxETAPBgNVBAMMCG90aGVyLWNhMFkwEwYHKoZIzj0CAQYIKoZIzj0D\n\n" \
    "AQcDQgAE5zRk2vo6x9Tobj3LvxDJ49ioATWah57E6jGIvtUJtnhsxB/qWzfhw8t7\n\n" \
    "KTCt8KkxhPU+ImdPz1LZ/eJRqOp2BKNTMFEwHQYDVR0OBBYEFMXJjc12FB1AgA33\n\n" \
    "QGhNbELtC1akMB8GA1UdIwQYMBaAFMXJjc12FB1AgA33QGhNbELtC1akMA8GA1Ud\n\n" \
    "EwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAPnX4kUoAMlmhdCijATDMpGc\n\n" \
    "ohT6pKx113e75B0aE+1XAiEA/ZYM2ik6ylG1exNiI5XrjPg85x34m7J1PUQMBhf5\n\n" \
    "npU=\n\n"                                                             \
    "-----END CERTIFICATE-----\n\n"

static const char world[] =
    "apiVersion: networking.k8s.io/v1\nkind: IngressClass\nmetadata: {name: yett}\n"
    "spec: {controller: yett.dev/ingress-controller}\n"
    "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
    "spec: {ports: [{port: 80}]}\n"
    "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\n"
    "metadata: {name: web-1, namespace: shop, labels: {kubernetes.io/service-name: web}}\n"
    "ports: [{port: 8080}]\nendpoints: [{addresses: [10.0.0.1]}]\n" /* */
    INGRESS("old", "2", "old.test", "/")                            /* */
    INGRESS("young", "8", "young.test", "/")                        /* */
    INGRESS("loser", "9", "old.test", "/")                          /* */
    ANNOTATED("dropped", "5",
              "canary: 'true', nginx.ingress.kubernetes.io/auth-tls-secret: shop/two",
              "dropped.test", "/") /* */
    ANNOTATED("checked", "5", "auth-tls-secret: shop/two", "checked.test",
              "/") "---\napiVersion: v1\nkind: Secret\nmetadata: {name: one, namespace: shop}\n"
                   "stringData: {ca.crt: '" CA_ONE "'}\n"
                   "---\napiVersion: v1\nkind: Secret\nmetadata: {name: two, namespace: shop}\n"
                   "stringData: {ca.crt: '" CA_TWO
                   "'}\n" HEAD("all", "2") "}\nspec: {ingressClassName: yett, defaultBackend: "
                                           "{service: {name: web, port: "
                                           "{number: 80}}}}\n";

/* What is asked, and the answer: "" allowed, "-" none of ours, else what the refusal says. */
static const struct {
    const char *what, *before, *after, *refused, *warned;
} cases[] = {
    { "a new host", NULL, INGRESS("new", "9", "new.test", "/"), "", "" },
    { "a path beside another's", NULL, INGRESS("new", "9", "old.test", "/api"), "", "" },
    { "a host and path that an older one has", NULL, INGRESS("new", "9", "old.test", "/"),
      "host 'old.test' path '/' (Prefix) is taken already, by Ingress shop/old", "" },
    { "in other letters", NULL, INGRESS("new", "9", "OLD.test", "//"), "is taken already", "" },
    { "an Exact path is another path", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: yett, rules: [{host: old.test, http: {paths: "
                       "[{path: /, pathType: Exact, " BACKEND("web") "}]}}]}\n",
      "", "" },
    { "itself, unchanged", INGRESS("old", "2", "old.test", "/"),
      INGRESS("old", "2", "old.test", "/"), "", "" },
    { "itself, to another host", INGRESS("old", "2", "old.test", "/"),
      INGRESS("old", "2", "other.test", "/"), "", "" },
    { "an old one takes a young one's host", INGRESS("old", "2", "old.test", "/"),
      INGRESS("old", "2", "young.test", "/"),
      "host 'young.test' path '/' would be taken from Ingress shop/young", "" },
    { "a conflict that is there already", INGRESS("loser", "9", "old.test", "/"),
      ANNOTATED("loser", "9", "ssl-redirect: 'false'", "old.test", "/"), "", "is taken already" },
    { "a conflict more", INGRESS("loser", "9", "old.test", "/"),
      HEAD("loser", "9") "}\nspec: {ingressClassName: yett, rules: [" RULE(
          "young.test", "/") ", " RULE("old.test", "/") "]}\n",
      "host 'young.test'", "host 'old.test'" },
    { "no host at all", NULL, INGRESS("new", "9", "not_a host", "/"), "'not_a host' is", "" },
    { "it was none before", INGRESS("new", "9", "not_a host", "/"),
      ANNOTATED("new", "9", "ssl-redirect: 'false'", "not_a host", "/"), "", "'not_a host' is" },
    { "no path", NULL, INGRESS("new", "9", "new.test", "/a?b"), "the path '/a?b'", "" },
    { "a refused annotation", NULL, ANNOTATED("new", "9", "server-snippet: 'x'", "new.test", "/"),
      "server-snippet is refused", "" },
    { "an unsupported annotation without which it is wrong", NULL,
      ANNOTATED("new", "9", "auth-type: basic", "new.test", "/"), "auth-type", "" },
    { "an annotation's value", NULL,
      ANNOTATED("new", "9", "proxy-read-timeout: soon", "new.test", "/"), "proxy-read-timeout",
      "" },
    { "an unknown annotation", NULL, ANNOTATED("new", "9", "proxy-red: '1'", "new.test", "/"), "",
      "there is no annotation 'proxy-red'" },
    { "a Service that may come", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: yett, rules: [{host: new.test, http: {paths: "
                       "[{path: /, pathType: Prefix, " BACKEND("later") "}]}}]}\n",
      "", "there is no Service shop/later" },
    { "a Secret that may come", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: yett, tls: [{hosts: [new.test], secretName: "
                       "later}], rules: [" RULE("new.test", "/") "]}\n",
      "", "there is no Secret shop/later" },
    { "spec.tls with a host of another Ingress", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: yett, tls: [{hosts: [new.test, old.test]}], "
                       "rules: [" RULE("new.test", "/") "]}\n",
      "", "" },
    { "a second catch-all", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: yett, defaultBackend: {service: {name: web, "
                       "port: {number: 80}}}}\n",
      "there is a default backend already, of Ingress shop/all", "" },
    { "an older catch-all", NULL,
      HEAD("new", "1") "}\nspec: {ingressClassName: yett, defaultBackend: {service: {name: web, "
                       "port: {number: 80}}}}\n",
      "would be taken from Ingress shop/all", "" },
    { "another class", NULL,
      HEAD("new", "9") "}\nspec: {ingressClassName: nginx, rules: [" RULE("old.test", "/") "]}\n",
      "-", "" },
    { "no class", NULL, HEAD("new", "9") "}\nspec: {rules: [" RULE("old.test", "/") "]}\n", "-",
      "" },
    { "from another class to ours",
      HEAD("new", "9") "}\nspec: {ingressClassName: nginx, rules: [" RULE("old.test", "/") "]}\n",
      INGRESS("new", "9", "old.test", "/"), "is taken already", "" },
    { "client certificates by a Secret that may come", NULL,
      ANNOTATED("new", "9", "auth-tls-secret: shop/later", "new.test", "/"), "",
      "there is no Secret shop/later" },
    { "client certificates checked by nothing", NULL,
      ANNOTATED("new", "9", "auth-tls-secret: later", "new.test", "/"), "auth-tls-secret", "" },
    { "client certificates, otherwise than others of the host", NULL,
      ANNOTATED("new", "9", "auth-tls-secret: shop/one", "checked.test", "/new"),
      "says otherwise of the client certificates of host 'checked.test'", "" },
    { "and before them in order", NULL,
      ANNOTATED("new", "1", "auth-tls-secret: shop/one", "checked.test", "/new"),
      "Ingress shop/checked says otherwise", "" },
    { "and than one of the host that makes no routes", NULL,
      ANNOTATED("new", "9", "auth-tls-secret: shop/one", "dropped.test", "/new"),
      "Ingress shop/dropped says otherwise", "" },
    { "client certificates, as others of the host", NULL,
      ANNOTATED("new", "9", "auth-tls-secret: shop/two", "checked.test", "/new"), "", "" },
    { "a Service", NULL,
      "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n", "-",
      "" },
};

static void text_of(const struct diag_list *diags, struct buf *out)
{
    vec_for_each (diag, &diags->diags)
        diag_format_text(diag, out);
}

static void list_check(const char *what, const struct diag_list *diags, const char *expected)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    text_of(diags, &text);
    if (*expected ? !span_contains(buf_span(&text), span_from_str(expected)) : text.len > 0)
        fail_msg("%s: '%s' is not in '" SPAN_FMT "'", what, expected, SPAN_ARG(buf_span(&text)));
    if (*expected && diags->diags.len != 1)
        fail_msg("%s: more than one:\n" SPAN_FMT, what, SPAN_ARG(buf_span(&text)));
}

static struct route_model *model_of(const struct fixture *fixture)
{
    struct ingress_options options = ingress_options_default();
    struct diag_list diags;

    diag_list_init(&diags);
    struct route_model *model = ingress_compile(&fixture->store, &options, &diags);
    diag_list_deinit(&diags);
    return model;
}

static void verdicts_check(const struct fixture *fixture, const struct route_model *model)
{
    struct ingress_options options = ingress_options_default();

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct kube_bundle *before =
            cases[i].before ? kube_bundle_decode(span_from_str(cases[i].before), SPAN_EMPTY) : NULL;
        struct kube_bundle *after = kube_bundle_decode(span_from_str(cases[i].after), SPAN_EMPTY);
        struct ingress_verdict verdict;
        bool is_foreign = strcmp(cases[i].refused, "-") == 0;

        ingress_admit(&fixture->store, &options, model, before, after, &verdict);
        print_message("%s\n", cases[i].what);
        assert_int_equal(after->objects.len, 1);
        assert_int_equal(verdict.is_ours, !is_foreign);
        list_check(cases[i].what, &verdict.refused, is_foreign ? "" : cases[i].refused);
        list_check(cases[i].what, &verdict.warned, cases[i].warned);
        ingress_verdict_deinit(&verdict);
        kube_bundle_free(before);
        kube_bundle_free(after);
    }
}

static void test_verdicts(void **state)
{
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture, world, FIXTURE_AS_WRITTEN);
    struct route_model *model = model_of(&fixture);
    verdicts_check(&fixture, model);
    verdicts_check(&fixture, NULL);
    route_model_free(model);
    fixture_deinit(&fixture);
}

/* Two of the same second: the one that is there wins, even where its name says otherwise. */
static void test_equal_age(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct kube_bundle *after =
        kube_bundle_decode(SPAN(INGRESS("zzz", "2", "old.test", "/")), SPAN_EMPTY);
    struct ingress_verdict verdict;
    struct fixture fixture;

    (void)state;
    fixture_init(&fixture, world, FIXTURE_AS_WRITTEN);
    ingress_admit(&fixture.store, &options, NULL, NULL, after, &verdict);
    list_check("equal age", &verdict.refused, "would be taken from Ingress shop/old");
    ingress_verdict_deinit(&verdict);
    fixture_deinit(&fixture);
    kube_bundle_free(after);
}

/* Where the prefix is another one, the usual one does nothing: that is said while someone listens. */
static void test_usual_prefix(void **state)
{
    struct ingress_options options = ingress_options_default();
    struct kube_bundle *plain =
        kube_bundle_decode(SPAN(INGRESS("new", "9", "new.test", "/")), SPAN_EMPTY);
    struct kube_bundle *usual = kube_bundle_decode(
        SPAN(ANNOTATED("new", "9", "ssl-redirect: 'false'", "new.test", "/")), SPAN_EMPTY);
    struct ingress_verdict verdict;
    struct fixture fixture;

    (void)state;
    options.annotations_prefix = SPAN("ours.example");
    fixture_init(&fixture, world, FIXTURE_AS_WRITTEN);
    ingress_admit(&fixture.store, &options, NULL, plain, usual, &verdict);
    list_check("it is new", &verdict.refused, "mend: write ours.example/ssl-redirect");
    ingress_verdict_deinit(&verdict);
    ingress_admit(&fixture.store, &options, NULL, usual, usual, &verdict);
    list_check("it was there", &verdict.refused, "");
    list_check("it was there", &verdict.warned, "annotations have another prefix here");
    ingress_verdict_deinit(&verdict);
    fixture_deinit(&fixture);
    kube_bundle_free(plain);
    kube_bundle_free(usual);
}

/* ---- at scale --------------------------------------------------------------------------------- */

enum { MANY = 10000, LIMIT_US = 10000, ROUNDS = 20 };

static void world_fill(struct buf *yaml)
{
    buf_append(yaml, span_from_str(world));
    for (unsigned i = 0; i < MANY; i++)
        buf_printf(yaml,
                   "---\n"
                   "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{"
                   "\"name\":\"i%u\",\"namespace\":\"shop\"},\"spec\":{\"ingressClassName\":"
                   "\"yett\",\"rules\":[{\"host\":\"host-%u.example.com\",\"http\":{\"paths\":[{"
                   "\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":"
                   "\"web\",\"port\":{\"number\":80}}}}]}}]}}\n",
                   i, i);
}

/* What this process has taken of a processor: the wait for one, on a busy machine, is not ours. */
static uint64_t cpu_ns(void)
{
    struct timespec used;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (uint64_t)used.tv_sec * 1000000000u + (uint64_t)used.tv_nsec;
}

/* The best of some rounds. */
static uint64_t verdict_time_us(const struct fixture *fixture, const struct route_model *model,
                                const struct kube_bundle *after)
{
    struct ingress_options options = ingress_options_default();
    uint64_t fastest_us = UINT64_MAX;

    for (int i = 0; i < ROUNDS; i++) {
        struct ingress_verdict verdict;
        uint64_t begin_ns = cpu_ns();

        ingress_admit(&fixture->store, &options, model, NULL, after, &verdict);
        fastest_us = MIN(fastest_us, (cpu_ns() - begin_ns) / 1000);
        list_check("among many", &verdict.refused, "by Ingress shop/i77");
        ingress_verdict_deinit(&verdict);
    }
    return fastest_us;
}

static void test_ten_thousand(void **state)
{
    struct kube_bundle *after =
        kube_bundle_decode(SPAN(INGRESS("new", "9", "host-77.example.com", "/")), SPAN_EMPTY);
    SCOPED(buf_deinit) struct buf yaml = { 0 };
    struct fixture fixture;

    (void)state;
    world_fill(&yaml);
    buf_append_byte(&yaml, '\0');
    fixture_init(&fixture, yaml.ptr, FIXTURE_AS_WRITTEN);
    struct route_model *model = model_of(&fixture);
    uint64_t walk_us = verdict_time_us(&fixture, NULL, after);
    uint64_t asked_us = verdict_time_us(&fixture, model, after);
    print_message("among %d: %u us, without a model %u us\n", MANY, (unsigned)asked_us,
                  (unsigned)walk_us);
    assert_true(asked_us < LIMIT_US);
    route_model_free(model);
    fixture_deinit(&fixture);
    kube_bundle_free(after);
}

/* As large as an API server lets an Ingress be, and wrong everywhere: one tenant's nonsense must not hold up
 * the controller. */
static void test_largest(void **state)
{
    enum { PATHS = 12000, LARGEST_MS = 2000 };
    struct ingress_options options = ingress_options_default();
    SCOPED(buf_deinit) struct buf yaml = { 0 };
    struct ingress_verdict verdict;
    struct fixture fixture;

    (void)state;
    buf_printf(&yaml, "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\","
                      "\"metadata\":{\"name\":\"big\",\"namespace\":\"shop\"},\"spec\":{"
                      "\"ingressClassName\":\"yett\",\"rules\":[{\"host\":\"old.test\","
                      "\"http\":{\"paths\":[");
    for (unsigned i = 0; i < PATHS; i++)
        buf_printf(&yaml,
                   "%s{\"path\":\"/%u%s\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{"
                   "\"name\":\"none%u\",\"port\":{\"number\":80}}}}",
                   i ? "," : "", i, i % 2 ? "?" : "", i);
    buf_append(&yaml, SPAN("]}}]}}"));
    fixture_init(&fixture, world, FIXTURE_AS_WRITTEN);
    struct kube_bundle *big = kube_bundle_decode(buf_span(&yaml), SPAN_EMPTY);
    uint64_t begin_ns = cpu_ns();
    ingress_admit(&fixture.store, &options, NULL, big, big, &verdict);
    uint64_t took_ms = (cpu_ns() - begin_ns) / 1000000;
    print_message("%d paths are judged in %u ms\n", PATHS, (unsigned)took_ms);
    assert_int_equal(verdict.refused.diags.len, 0);
    assert_true(verdict.warned.diags.len >= PATHS);
    assert_true(took_ms < LARGEST_MS);
    ingress_verdict_deinit(&verdict);
    kube_bundle_free(big);
    fixture_deinit(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_verdicts),     cmocka_unit_test(test_equal_age),
        cmocka_unit_test(test_usual_prefix), cmocka_unit_test(test_ten_thousand),
        cmocka_unit_test(test_largest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
