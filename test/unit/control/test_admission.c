#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/scope.h"
#include "control/admission.h"
#include "kube/decode.h"

/* What is judged how stands in test/unit/ingress/test_admit.c; here it is the review around it. */

#define REQUEST(fields) \
    "{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"request\":{" fields "}}"
#define UID "\"uid\":\"u-1\","
#define INGRESS \
    "\"kind\":{\"group\":\"networking.k8s.io\",\"version\":\"v1\",\"kind\":\"Ingress\"},"
#define OBJECT(meta, host)                                                                   \
    "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"  \
    "\"new\",\"namespace\":\"shop\"" meta "},\"spec\":{\"rules\":[{\"host\":\"" host "\",\"" \
    "http\":{\"paths\":[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{"  \
    "\"name\":\"web\",\"port\":{\"number\":80}}}}]}}]}}"
#define CREATE(object) REQUEST(UID INGRESS "\"operation\":\"CREATE\",\"object\":" object)
#define UPDATE(object, old) \
    REQUEST(UID INGRESS "\"operation\":\"UPDATE\",\"object\":" object ",\"oldObject\":" old)
#define AGED(time) ",\"creationTimestamp\":\"" time "\""

struct world {
    struct kube_bundle *bundle;
    struct kube_store store;
    struct ingress_options options;
};

static int setup(void **state)
{
    static const char old[] =
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: old, namespace: shop, "
        "creationTimestamp: '2024-01-05T00:00:00Z'}\nspec: {rules: [{host: old.test, http: {paths: "
        "[{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n"
        "---\napiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\n"
        "spec: {type: ExternalName, externalName: web.example, ports: [{port: 80}]}\n";
    static struct world world;

    world = (struct world){ .options = ingress_options_default() };
    world.options.watch_without_class = true;
    world.bundle = kube_bundle_decode(span_from_str(old), SPAN_EMPTY);
    kube_store_init(&world.store);
    vec_for_each (object, &world.bundle->objects)
        assert_null(kube_store_put(&world.store, object));
    *state = &world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;

    kube_store_deinit(&world->store);
    kube_bundle_free(world->bundle);
    return 0;
}

static enum admission_outcome ask(const struct world *world, struct span body,
                                  struct http_answer *answer)
{
    struct admission_state state = {
        .store = &world->store,
        .options = &world->options,
        .has_all_secrets = true,
        .now_s = 1800000000,
    };

    *answer = (struct http_answer){ 0 };
    return admission_answer(&state, body, answer);
}

static const struct {
    const char *body;
    enum admission_outcome outcome;
    const char *says; /* a part of the answer */
} cases[] = {
    { "", ADMISSION_UNREADABLE, "no JSON" },
    { "{\"kind\":\"Pod\"}", ADMISSION_UNREADABLE, "no AdmissionReview" },
    { "{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1beta1\"}",
      ADMISSION_UNREADABLE, "admissionReviewVersions: [v1]" },
    { REQUEST("\"uid\":7"), ADMISSION_UNREADABLE, "uid is missing" },
    { REQUEST("\"uid\":\"u-1\""), ADMISSION_NOT_OURS, "\"uid\":\"u-1\",\"allowed\":true}}" },
    { REQUEST("\"uid\":\"a\\\"b\\u0001\""), ADMISSION_NOT_OURS, "\"uid\":\"a\\\"b\\u0001\"" },
    { REQUEST(UID INGRESS "\"operation\":\"CREATE\",\"object\":null"), ADMISSION_NOT_OURS, "true" },
    { REQUEST(UID INGRESS "\"operation\":\"CREATE\",\"object\":[1,2]"), ADMISSION_NOT_OURS,
      "true" },
    { REQUEST(UID INGRESS "\"operation\":\"CONNECT\",\"object\":" OBJECT("", "old.test")),
      ADMISSION_NOT_OURS, "true" },
    { REQUEST(UID INGRESS "\"subResource\":\"status\",\"operation\":\"UPDATE\",\"object\":" OBJECT(
          "", "old.test")),
      ADMISSION_NOT_OURS, "true" },
    { REQUEST(UID "\"kind\":{\"group\":\"other.example\",\"kind\":\"Ingress\"},\"operation\":"
                  "\"CREATE\",\"object\":" OBJECT("", "old.test")),
      ADMISSION_NOT_OURS, "true" },
    { CREATE(OBJECT("", "new.test")), ADMISSION_ALLOWED,
      "\"response\":{\"uid\":\"u-1\",\"allowed\":true}}" },
    { CREATE(OBJECT("", "old.test")), ADMISSION_REFUSED, "\"reason\":\"Forbidden\",\"code\":403" },
    { CREATE(OBJECT("", "not_a_host")), ADMISSION_REFUSED, "\"reason\":\"Invalid\",\"code\":422" },
    /* The age of one that is new is now; of one that changes, its own. */
    { UPDATE(OBJECT(AGED("2024-01-09T00:00:00Z"), "old.test"),
             OBJECT(AGED("2024-01-09T00:00:00Z"), "new.test")),
      ADMISSION_REFUSED, "taken already, by Ingress shop/old" },
    { UPDATE(OBJECT(AGED("2024-01-01T00:00:00Z"), "old.test"),
             OBJECT(AGED("2024-01-01T00:00:00Z"), "new.test")),
      ADMISSION_REFUSED, "would be taken from Ingress shop/old" },
    { UPDATE(OBJECT("", "old.test"), OBJECT("", "old.test")), ADMISSION_ALLOWED,
      "\"warnings\":[\"spec.rules[0].http.paths[0]: host 'old.test'" },
};

static void test_reviews(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_answer answer;
        enum admission_outcome outcome = ask(*state, span_from_str(cases[i].body), &answer);

        print_message("%zu: %s\n", i, cases[i].says);
        assert_int_equal(outcome, cases[i].outcome);
        assert_int_equal(answer.status, outcome == ADMISSION_UNREADABLE ? 400 : 200);
        assert_true(span_contains(buf_span(&answer.body), span_from_str(cases[i].says)));
        buf_deinit(&answer.body);
    }
}

/* As many and as long as a hostile author makes them, of bytes of which several make a character. */
static void test_warnings_keep_their_limits(void **state)
{
    SCOPED(buf_deinit) struct buf meta = { 0 };
    SCOPED(buf_deinit) struct buf body = { 0 };
    struct http_answer answer;
    size_t total = 0;

    for (int i = 0; i < 100; i++) {
        buf_printf(&meta, "%s\"nginx.ingress.kubernetes.io/x%d", i ? "," : ",\"annotations\":{", i);
        for (int j = 0; j < 70 + i; j++)
            buf_append(&meta, SPAN("\xe2\x82\xac"));
        buf_append(&meta, SPAN("\":\"1\""));
    }
    buf_append_byte(&meta, '}');
    buf_printf(&body,
               REQUEST(UID INGRESS "\"operation\":\"CREATE\",\"object\":{\"apiVersion\":"
                                   "\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{"
                                   "\"name\":\"new\",\"namespace\":\"shop\"%.*s},\"spec\":{}}"),
               (int)meta.len, meta.ptr);

    assert_int_equal(ask(*state, buf_span(&body), &answer), ADMISSION_ALLOWED);
    json_t *root = json_loadb(answer.body.ptr, answer.body.len, 0, NULL);
    assert_non_null(root); /* which holds that it is UTF-8 */
    json_t *warnings = json_object_get(json_object_get(root, "response"), "warnings");
    assert_true(json_array_size(warnings) > 10);
    for (size_t i = 0; i < json_array_size(warnings); i++) {
        const json_t *text = json_array_get(warnings, i);
        assert_in_range(json_string_length(text), 250, ADMISSION_WARNING_BYTES);
        assert_null(strstr(json_string_value(text), "\xEF\xBF\xBD")); /* none is cut in two */
        total += json_string_length(text);
    }
    assert_in_range(total, ADMISSION_WARNINGS_BYTES - 256, ADMISSION_WARNINGS_BYTES);
    json_decref(root);
    buf_deinit(&answer.body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reviews, setup, teardown),
        cmocka_unit_test_setup_teardown(test_warnings_keep_their_limits, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
