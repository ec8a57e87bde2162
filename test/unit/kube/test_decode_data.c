#include "fixture.h"

/* Secret, ConfigMap, IngressClass, and what all kinds share: metadata. */

#define SECRET     "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"
#define CONFIG_MAP "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n"
#define CLASS      "apiVersion: networking.k8s.io/v1\nkind: IngressClass\n"

static const struct {
    const char *text;
    const char *entries; /* "key=value;" each */
    const char *diags;
} cases[] = {
    { SECRET "type: Opaque\ndata: {a: YQ==, b: \"\"}\n", "a=a;b=;", "" },
    { SECRET "data: {a: |\n  YW\n  Jj\n}\n", "", "error syntax 4:11 \n" },
    { SECRET "data:\n  a: |\n    YW\n    Jj\n", "a=abc;", "" },
    { SECRET "data: {a: YQ==, b: YQ==}\nstringData: {b: plain, c: ü}\n", "b=plain;c=ü;a=a;", "" },
    { SECRET "data: {a: \"not base64\", b: YQ==}\n", "b=a;", "error invalid-value 4:11 data.a\n" },
    { SECRET "data: [a]\n", "", "error wrong-type 4:7 data\n" },
    { SECRET "stringData: {a: 1, b: {c: d}, c: ~}\n", "a=1;c=;",
      "warning wrong-type 4:17 stringData.a\nerror wrong-type 4:23 stringData.b\n"
      "warning wrong-type 4:34 stringData.c\n" },
    { SECRET "Data: {a: b}\n", "", "warning unknown-field 4:1 Data\n" },
    { SECRET, "", "" },
    { CONFIG_MAP "data: {a: yes, b: \"yes\", c.d: 08}\nbinaryData: {x: YQ==}\n",
      "a=yes;b=yes;c.d=08;",
      "warning wrong-type 4:11 data.a\nwarning wrong-type 4:31 data[c.d]\n" },
    { CONFIG_MAP "data: ~\n", "", "" },
};

static void test_entries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        BUNDLE *bundle = fixture_decode(cases[i].text);
        struct buf entries = { 0 };
        print_message("%s\n", cases[i].text);
        vec_for_each (object, &bundle->objects) {
            const struct kube_pairs *pairs =
                object->kind == KUBE_SECRET ? &object->secret.entries : &object->config_map.entries;
            for (size_t n = 0; n < pairs->len; n++)
                buf_printf(&entries, SPAN_FMT "=" SPAN_FMT ";", SPAN_ARG(pairs->items[n].key.text),
                           SPAN_ARG(pairs->items[n].value.text));
        }
        fixture_assert_diags(bundle, cases[i].diags);
        fixture_assert_span(buf_span(&entries), cases[i].entries);
        buf_deinit(&entries);
    }
}

static void test_a_secrets_values_are_never_quoted(void **state)
{
    (void)state;
    BUNDLE *bundle = fixture_decode(SECRET "data: {a: hunter2!, b: 4711}\nstringData: {c: 4711}\n");
    assert_int_equal(bundle->diags.diags.len, 3);
    vec_for_each (diag, &bundle->diags.diags) {
        assert_false(span_contains(diag->message, SPAN("hunter2")));
        assert_false(span_contains(diag->message, SPAN("4711")));
        assert_false(span_contains(diag->mend, SPAN("4711")));
    }
}

static const struct {
    const char *text, *diags;
    bool is_default;
} classes[] = {
    { CLASS "metadata: {name: a}\nspec: {controller: yett.dev/x}\n", "", false },
    { CLASS
      "metadata: {name: a, annotations: {ingressclass.kubernetes.io/is-default-class: \"true\"}}\n"
      "spec: {controller: yett.dev/x, parameters: {kind: K}}\n",
      "", true },
    { CLASS
      "metadata: {name: a, annotations: {ingressclass.kubernetes.io/is-default-class: True}}\n"
      "spec: {controller: yett.dev/x}\n",
      "warning wrong-type 3:80 metadata.annotations[ingressclass.kubernetes.io/is-default-class]\n",
      false },
};

static void test_classes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        BUNDLE *bundle = fixture_decode(classes[i].text);
        fixture_assert_diags(bundle, classes[i].diags);
        const struct kube_object *object = fixture_object(bundle);
        fixture_assert_span(object->namespace, "");
        fixture_assert_span(object->ingress_class.controller.text, "yett.dev/x");
        assert_int_equal(object->ingress_class.is_default, classes[i].is_default);
    }
    BUNDLE *bundle = fixture_decode(CLASS "metadata: {name: a}\nspec: {}\n");
    assert_int_equal(bundle->objects.len, 0);
    fixture_assert_diags(bundle, "error missing-field 4:7 spec.controller\n");
}

static void test_metadata_is_read(void **state)
{
    (void)state;
    BUNDLE *bundle = fixture_decode("apiVersion: v1\nkind: ConfigMap\nmetadata:\n"
                                    "  name: a.b-1\n  namespace: shop\n  uid: u-1\n"
                                    "  resourceVersion: \"7\"\n"
                                    "  creationTimestamp: 1970-01-02T00:00:00Z\n"
                                    "  labels: {l: x}\n  annotations: {a/b: z}\n");

    fixture_assert_diags(bundle, "");
    const struct kube_object *object = fixture_object(bundle);
    fixture_assert_span(object->name, "a.b-1");
    fixture_assert_span(object->namespace, "shop");
    fixture_assert_span(object->uid, "u-1");
    fixture_assert_span(object->resource_version, "7");
    assert_int_equal(object->created_s, 86400);
    assert_int_equal(object->labels.len, 0);
    assert_int_equal(object->annotations.len, 0);
}

static void test_labels_and_annotations_are_kept_where_they_matter(void **state)
{
    (void)state;
    BUNDLE *of_namespace =
        fixture_decode("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: shop\n"
                       "  labels: {l: x}\n  annotations: {a/b: z}\n");
    const struct kube_object *namespace = fixture_object(of_namespace);
    fixture_assert_span(kube_pairs_find(&namespace->labels, SPAN("l"))->text, "x");
    assert_int_equal(namespace->annotations.len, 0);

    BUNDLE *of_ingress =
        fixture_decode("apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: shop\n"
                       "  labels: {l: x}\n  annotations:\n"
                       "    kubectl.kubernetes.io/last-applied-configuration: all\n"
                       "    a/b: z\nspec: {}\n");
    const struct kube_object *ingress = fixture_object(of_ingress);
    const struct kube_text *annotation = kube_pairs_find(&ingress->annotations, SPAN("a/b"));
    assert_int_equal(ingress->labels.len, 0);
    assert_int_equal(ingress->annotations.len, 1);
    fixture_assert_span(annotation->text, "z");
    assert_int_equal(annotation->pos.line, 8);
    assert_int_equal(annotation->pos.column, 10);
    assert_null(kube_pairs_find(&ingress->annotations, SPAN("a/")));
}

static const struct {
    const char *metadata, *diags;
    size_t objects;
} names[] = {
    { "metadata: {}", "error missing-field 3:11 metadata.name\n", 0 },
    { "metadata: {name: \"\"}", "error missing-field 3:18 metadata.name\n", 0 },
    { "metadata: {generateName: a-}", "error missing-field 3:11 metadata.name\n", 0 },
    { "metadata: ~", "error missing-field 3:11 metadata\n", 0 },
    { "", "error missing-field 1:1 metadata\n", 0 },
    { "metadata: a", "error wrong-type 3:11 metadata\n", 0 },
    { "metadata: {name: 1}", "error wrong-type 3:18 metadata.name\n", 0 },
    { "metadata: {name: Web}", "error invalid-value 3:18 metadata.name\n", 0 },
    { "metadata: {name: a/b}", "error invalid-value 3:18 metadata.name\n", 0 },
    { "metadata: {name: a, namespace: \"<NS>\"}", "error invalid-value 3:32 metadata.namespace\n",
      0 },
    { "metadata: {name: a, namespace: \"\"}", "", 1 },
    { "metadata: {name: a, creationTimestamp: ~}", "", 1 },
    { "metadata: {name: a, creationTimestamp: today}",
      "warning invalid-value 3:40 metadata.creationTimestamp\n", 1 },
    { "metadata: {name: a, label: {}}", "warning unknown-field 3:21 metadata.label\n", 1 },
    { "metadata: {name: a, ingressClassName: x}",
      "warning unknown-field 3:21 metadata.ingressClassName\n", 1 },
    { "metadata: {name: a, annotations: [x]}", "error wrong-type 3:34 metadata.annotations\n", 1 },
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct buf text = { 0 };
        buf_printf(&text, "apiVersion: v1\nkind: ConfigMap\n%s\n", names[i].metadata);
        BUNDLE *bundle = kube_bundle_decode(buf_span(&text), SPAN("t.yaml"));
        buf_deinit(&text);
        print_message("%s\n", names[i].metadata);
        fixture_assert_diags(bundle, names[i].diags);
        assert_int_equal(bundle->objects.len, names[i].objects);
    }
}

static void test_objects_of_the_api_have_no_places(void **state)
{
    (void)state;
    BUNDLE *bundle = kube_bundle_decode(
        SPAN("{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"a\"}}"),
        SPAN_EMPTY);
    assert_int_equal(fixture_object(bundle)->pos.line, 0);
    fixture_assert_span(fixture_object(bundle)->file, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_entries),
        cmocka_unit_test(test_a_secrets_values_are_never_quoted),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_metadata_is_read),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_objects_of_the_api_have_no_places),
        cmocka_unit_test(test_labels_and_annotations_are_kept_where_they_matter),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
