#include "fixture.h"

/* Whole texts: documents, lists, and what one fault leaves of the rest. */

#define NAMESPACE(name) "apiVersion: v1\nkind: Namespace\nmetadata: {name: " name "}\n"
#define NAMESPACE_JSON(name) \
    "{\"apiVersion\": \"v1\", \"kind\": \"Namespace\", \"metadata\": {\"name\": \"" name "\"}}\n"

static const struct {
    const char *what, *text;
    const char *names; /* of the objects, each followed by a space */
    size_t documents, passed_over;
    const char *diags;
} texts[] = {
    { "nothing", "", "", 0, 0, "" },
    { "empty documents", "---\n---\n# c\n---\n...\n", "", 3, 0, "" },
    { "two", NAMESPACE("a") "---\n" NAMESPACE("b"), "a b ", 2, 0, "" },
    { "byte order mark", "\xEF\xBB\xBF" NAMESPACE("a"), "a ", 1, 0, "" },
    { "CRLF",
      "apiVersion: v1\r\nkind: Namespace\r\nmetadata:\r\n  name: a\r\n---\r\n" NAMESPACE("b"),
      "a b ", 2, 0, "" },
    { "a fault between", NAMESPACE("a") "---\na: b: c\n---\n" NAMESPACE("b"), "a b ", 3, 0,
      "error syntax 5:5 \n" },
    { "a fault, and a wrong type behind it", "a: [\n---\nkind: 1\n", "", 2, 0,
      "error syntax 2:1 \nerror wrong-type 3:7 kind\n" },
    { "an open quote", "a: \"x\n---\n" NAMESPACE("b"), "b ", 2, 0, "error syntax 2:1 \n" },
    { "bytes that are no text", "a: \xff\n---\n" NAMESPACE("b"), "b ", 2, 0,
      "error syntax 1:4 \n" },
    { "a template", "{{- if .Values.on }}\nkind: x\n{{- end }}\n", "", 1, 0,
      "error syntax 1:3 \n" },
    { "a list",
      "apiVersion: v1\nkind: List\nitems:\n- "
      "apiVersion: v1\n  kind: Namespace\n  metadata: {name: a}\n"
      "- {apiVersion: v1, kind: Namespace, metadata: {name: b}}\n- 1\n- {apiVersion: v1, kind: "
      "Pod}\n",
      "a b ", 1, 1, "warning not-an-object 8:3 \n" },
    { "a typed list",
      "apiVersion: v1\nkind: NamespaceList\nitems:\n- metadata: {name: a}\n"
      "- metadata: {name: b, annotations: {x: 1}}\n",
      "a b ", 1, 0, "warning wrong-type 5:40 metadata.annotations.x\n" },
    { "a list of others", "apiVersion: v1\nkind: PodList\nitems:\n- metadata: {name: a}\n", "", 1,
      1, "" },
    { "an item of a List that says nothing",
      "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n", "", 1, 0,
      "note not-an-object 4:3 \n" },
    { "values of a chart", "replicas: 2\nimage: x\n", "", 1, 0, "note not-an-object 1:1 \n" },
    { "a list on top", "- 1\n", "", 1, 0, "warning not-an-object 1:1 \n" },
    { "a text on top", "hello world\n", "", 1, 0, "warning not-an-object 1:1 \n" },
    { "no kind", "apiVersion: v1\nmetadata: {name: a}\n", "", 1, 0,
      "error missing-field 1:1 kind\n" },
    { "no apiVersion", "kind: Ingress\n", "", 1, 0, "error missing-field 1:1 apiVersion\n" },
    { "others pass in silence",
      "apiVersion: apps/v1\nkind: Deployment\nspec: [1]\n---\n"
      "apiVersion: traefik.io/v1\nkind: IngressRoute\n---\napiVersion: v1\nkind: Endpoints\n---\n"
      "apiVersion: voyager.appscode.com/v1beta1\nkind: Ingress\nspec: 1\n",
      "", 4, 4, "" },
    { "a kind in the wrong group", "apiVersion: apps/v1\nkind: Ingress\nmetadata: {name: a}\n", "",
      1, 0, "error invalid-value 1:13 apiVersion\n" },
    { "a version of the future", "apiVersion: networking.k8s.io/v2\nkind: Ingress\n", "", 1, 0,
      "error invalid-value 1:13 apiVersion\n" },
    { "an anchor", "x: &m {name: a}\napiVersion: v1\nkind: Namespace\nmetadata: *m\n", "a ", 1, 0,
      "warning unknown-field 1:1 x\n" },
    { "keys given twice",
      "apiVersion: v1\nkind: Namespace\nkind: Namespace\nmetadata: {name: a, name: b}\n", "b ", 1,
      0, "warning duplicate-key 3:1 kind\nerror duplicate-key 4:21 metadata.name\n" },
    { "given twice in a shared part",
      "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: a\n"
      "  labels: &l {x: a, x: b}\n  annotations: *l\n",
      "a ", 1, 0, "error duplicate-key 5:21 metadata.labels.x\n" },
    { "JSON", NAMESPACE_JSON("a"), "a ", 1, 0, "" },
    { "JSON, several", NAMESPACE_JSON("a") NAMESPACE_JSON("b"), "a b ", 2, 0, "" },
    { "JSON, several in YAML", NAMESPACE_JSON("a") "---\n" NAMESPACE_JSON("b"), "a b ", 2, 0, "" },
    { "flow style", "{apiVersion: v1, kind: Namespace, metadata: {name: a}}", "a ", 1, 0, "" },
    { "JSON with a surplus comma is YAML still", "{\"apiVersion\": \"v1\", \"kind\": \"Pod\",}", "",
      1, 1, "" },
};

static void assert_names(const struct kube_bundle *bundle, const char *expected)
{
    struct buf names = { 0 };

    vec_for_each (object, &bundle->objects)
        buf_printf(&names, SPAN_FMT " ", SPAN_ARG(object->name));
    fixture_assert_span(buf_span(&names), expected);
    buf_deinit(&names);
}

static void test_decodes_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        BUNDLE *bundle = fixture_decode(texts[i].text);
        print_message("%s\n", texts[i].what);
        assert_names(bundle, texts[i].names);
        fixture_assert_diags(bundle, texts[i].diags);
        assert_int_equal(bundle->documents, texts[i].documents);
        assert_int_equal(bundle->passed_over, texts[i].passed_over);
    }
}

static const struct {
    const char *text, *names, *diags;
} json_texts[] = {
    { "", "", "" },
    { " \n", "", "" },
    { NAMESPACE_JSON("a") " {\"kind\": 1}", "a ", "error wrong-type 2:11 kind\n" },
    { NAMESPACE_JSON("a") "{,}", "a ", "error syntax 2:2 \n" },
    { "{apiVersion: v1}", "", "error syntax 1:2 \n" },
    { "[" NAMESPACE_JSON("a") "]", "", "warning not-an-object 1:1 \n" },
};

static void test_a_json_file_is_held_to_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(json_texts); i++) {
        BUNDLE *bundle = kube_bundle_decode(span_from_str(json_texts[i].text), SPAN("t.json"));
        print_message("%s\n", json_texts[i].text);
        assert_names(bundle, json_texts[i].names);
        fixture_assert_diags(bundle, json_texts[i].diags);
    }
}

static void test_utf16_is_read(void **state)
{
    static const char ascii[] = NAMESPACE("a");
    char text[2 * sizeof(ascii)] = "\xFF\xFE";

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(ascii); i++) {
        text[2 + 2 * i] = ascii[i];
        text[3 + 2 * i] = '\0';
    }
    BUNDLE *bundle = kube_bundle_decode(span_of(text, sizeof(text)), SPAN("t.yaml"));
    assert_names(bundle, "a ");
    fixture_assert_diags(bundle, "");
}

static void test_a_file_too_large_is_refused_whole(void **state)
{
    size_t size = KUBE_FILE_BYTES_MAX + 1;
    char *text = mem_alloc(size);

    (void)state;
    memset(text, '#', size);
    BUNDLE *bundle = kube_bundle_decode(span_of(text, size), SPAN("t.yaml"));
    fixture_assert_diags(bundle, "error file-too-large 1:1 \n");
    mem_free(text);
}

static void test_objects_and_diagnostics_name_the_file(void **state)
{
    char file[] = "dir/t.yaml";

    (void)state;
    BUNDLE *bundle = kube_bundle_decode(SPAN(NAMESPACE("a") "---\na: ["), span_of(file, 10));
    memset(file, 'x', sizeof(file) - 1); /* the bundle has its own copy */
    fixture_assert_span(fixture_object(bundle)->file, "dir/t.yaml");
    fixture_assert_span(bundle->diags.diags.items[0].file, "dir/t.yaml");
    assert_null(kube_bundle_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_texts),
        cmocka_unit_test(test_a_json_file_is_held_to_json),
        cmocka_unit_test(test_utf16_is_read),
        cmocka_unit_test(test_a_file_too_large_is_refused_whole),
        cmocka_unit_test(test_objects_and_diagnostics_name_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
