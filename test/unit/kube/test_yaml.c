#include "fixture.h"

#include "kube/yaml.h"

static const struct {
    const char *text;
    const char *tree;
} trees[] = {
    { "a: 1\nb: x", "{a: 1, b: \"x\"}" },
    { "a: 1\r\nb:\r\n- x\r\n", "{a: 1, b: [\"x\"]}" },
    { "a: '1'\nb: \"yes\"\nc: yes\nd: ~\ne:", "{a: \"1\", b: \"yes\", c: true, d: null, e: null}" },
    { "a: |\n  x\n  y\nb: >-\n  x\n  y\n", "{a: \"x\\ny\\n\", b: \"x y\"}" },
    { "a: \"\\u00e9\\x41\\n\"", "{a: \"\xC3\xA9"
                                "A\\n\"}" },
    { "{a: [1, {b: c}], \"d\":e}", "{a: [1, {b: \"c\"}], d: \"e\"}" },
    { "a:\n- b: 1\n  c: 2\n-\n  - d", "{a: [{b: 1, c: 2}, [\"d\"]]}" },
    { "a: &x [1]\nb: *x", "{a: [1], b: [1]}" },
    { "a: &x 1\nb: &x 2\nc: *x", "{a: 1, b: 2, c: 2}" },
    { "a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3", "{a: {p: 1, q: 2}, b: {q: 3, p: 1}}" },
    { "b:\n  <<: [{p: 1}, {p: 2, q: 2}]", "{b: {p: 1, q: 2}}" },
    { "\"<<\": {p: 1}", "{<<: {p: 1}}" },
    { "a: !!str 80\nb: !!int \"80\"\nc: ! yes\nd: !mine 1",
      "{a: \"80\", b: 80, c: \"yes\", d: \"1\"}" },
    { "80: a\ntrue: b\n~: c", "{80: \"a\", true: \"b\", ~: \"c\"}" },
    { "a: 1\na: 2\nb: 3\na: 4", "{a: 4, b: 3}" },
    { "%YAML 1.1\n---\na: 1\n...\n", "{a: 1}" },
    { "--- {a: 1}", "{a: 1}" },
    { "--- |\n  x\n", "\"x\\n\"" },
    { "---\n", "null" },
    { "{}", "{}" },
    { "[]", "[]" },
    { "a: 1 # c\n# d\n", "{a: 1}" },
    { "a:\t1", "{a: 1}" },
};

static enum kube_parse_result parse(struct arena *arena, const char *text, struct kube_pos origin,
                                    const struct kube_node **ret_root, struct kube_fault *ret_fault)
{
    size_t nodes_left = KUBE_NODES_MAX;

    return kube_yaml_parse(arena, span_from_str(text), origin, &nodes_left, ret_root, ret_fault);
}

static void test_builds_the_tree(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        const struct kube_node *root = NULL;
        struct kube_fault fault;
        print_message("%s\n", trees[i].text);
        assert_int_equal(parse(&arena, trees[i].text, (struct kube_pos){ 1, 1 }, &root, &fault),
                         KUBE_PARSE_OK);
        fixture_assert_tree(root, false, trees[i].tree);
    }
    arena_deinit(&arena);
}

static void test_nodes_know_where_they_stand(void **state)
{
    const struct kube_node *root = NULL;
    struct kube_fault fault;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    assert_int_equal(parse(&arena, "a: {b: x}\nc:\n  - \xC3\xA9\xC3\xA9: \"y\"",
                           (struct kube_pos){ 7, 5 }, &root, &fault),
                     KUBE_PARSE_OK);
    fixture_assert_tree(root, true,
                        "{a: {b: \"x\"@7:12}@7:8, c: [{\xC3\xA9\xC3\xA9: \"y\"@9:9}@9:5]@9:3}@7:5");
    arena_deinit(&arena);
}

static void test_text_without_a_document_is_nothing(void **state)
{
    static const char *const texts[] = { "", "\n \n", "# comment\n" };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        const struct kube_node *root;
        struct kube_fault fault;
        print_message("%s\n", texts[i]);
        assert_int_equal(parse(&arena, texts[i], (struct kube_pos){ 1, 1 }, &root, &fault),
                         KUBE_PARSE_NOTHING);
    }
    arena_deinit(&arena);
}

static const struct {
    const char *text;
    enum diag_code code;
    struct kube_pos pos;
    const char *mend; /* a part of it */
} faults[] = {
    { "a: b: c", DIAG_SYNTAX, { 3, 5 }, "quote the value" },
    { "a: *x", DIAG_SYNTAX, { 3, 4 }, "anchor" },
    { "a: *", DIAG_SYNTAX, { 3, 5 }, "quote the value" },
    { "a: &x [*x]", DIAG_SYNTAX, { 3, 8 }, "anchor" },
    { "a: @x", DIAG_SYNTAX, { 3, 4 }, "quote the value" },
    { "a:\n\tb: c", DIAG_SYNTAX, { 4, 1 }, "tabs" },
    { "a: [1", DIAG_SYNTAX, { 4, 1 }, "close" },
    { "a: \"x", DIAG_SYNTAX, { 3, 6 }, "close" },
    { "a: {{ .Values.x }}", DIAG_SYNTAX, { 3, 5 }, "helm template" },
    { "{{- if .x }}\na: 1", DIAG_SYNTAX, { 3, 3 }, "helm template" },
    { "  a: 1\nb: 2", DIAG_SYNTAX, { 4, 1 }, "indent" },
    { "[a]: 1", DIAG_SYNTAX, { 3, 1 }, "word as the key" },
    { "<<: 1", DIAG_SYNTAX, { 3, 1 }, "alias of a map" },
    { "<<: [{}, 1]", DIAG_SYNTAX, { 3, 1 }, "alias of a map" },
    { "a: 1\nb: \x01", DIAG_SYNTAX, { 4, 4 }, "control character" },
    { "a: \xff", DIAG_SYNTAX, { 3, 4 }, "UTF-8" },
};

static void test_faults_say_where_and_what_to_do(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const struct kube_node *root = NULL;
        struct kube_fault fault = { 0 };
        print_message("%s\n", faults[i].text);
        assert_int_equal(parse(&arena, faults[i].text, (struct kube_pos){ 3, 1 }, &root, &fault),
                         KUBE_PARSE_FAULT);
        assert_null(root);
        print_message("  " SPAN_FMT "\n  " SPAN_FMT "\n", SPAN_ARG(fault.message),
                      SPAN_ARG(fault.mend));
        assert_int_equal(fault.code, faults[i].code);
        assert_int_equal(fault.pos.line, faults[i].pos.line);
        assert_int_equal(fault.pos.column, faults[i].pos.column);
        assert_true(span_contains(fault.mend, span_from_str(faults[i].mend)));
    }
    arena_deinit(&arena);
}

/* `depth` brackets, the innermost empty. */
static struct span brackets(struct arena *arena, size_t depth)
{
    char *text = arena_alloc(arena, depth * 2);

    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return span_of(text, depth * 2);
}

static void test_depth_is_bounded(void **state)
{
    const struct kube_node *root;
    struct kube_fault fault;
    size_t nodes_left = KUBE_NODES_MAX;
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    assert_int_equal(kube_yaml_parse(&arena, brackets(&arena, KUBE_DEPTH_MAX),
                                     (struct kube_pos){ 1, 1 }, &nodes_left, &root, &fault),
                     KUBE_PARSE_OK);
    assert_int_equal(root->height, KUBE_DEPTH_MAX);
    assert_int_equal(kube_yaml_parse(&arena, brackets(&arena, KUBE_DEPTH_MAX + 1),
                                     (struct kube_pos){ 1, 1 }, &nodes_left, &root, &fault),
                     KUBE_PARSE_FAULT);
    assert_int_equal(fault.code, DIAG_TOO_DEEP);
    arena_deinit(&arena);
}

static void test_depth_counts_what_aliases_bring_in(void **state)
{
    const struct kube_node *root;
    struct kube_fault fault;
    struct arena arena;
    struct buf text = { 0 };

    (void)state;
    arena_init(&arena, 4096);
    buf_append(&text, SPAN("a0: &a0 [x]\n"));
    for (int i = 1; i < KUBE_DEPTH_MAX; i++)
        buf_printf(&text, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    buf_append_byte(&text, '\0');
    assert_int_equal(parse(&arena, text.ptr, (struct kube_pos){ 1, 1 }, &root, &fault),
                     KUBE_PARSE_FAULT);
    assert_int_equal(fault.code, DIAG_TOO_DEEP);
    assert_int_equal(fault.pos.line, KUBE_DEPTH_MAX);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void test_a_billion_laughs_are_refused(void **state)
{
    const struct kube_node *root;
    struct kube_fault fault;
    struct arena arena;
    struct buf text = { 0 };

    (void)state;
    arena_init(&arena, 4096);
    buf_append(&text, SPAN("a0: &a0 [lol]\n"));
    for (int i = 1; i < 10; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int n = 0; n < 9; n++)
            buf_printf(&text, "*a%d, ", i - 1);
        buf_append(&text, SPAN("]\n"));
    }
    buf_append_byte(&text, '\0');
    assert_int_equal(parse(&arena, text.ptr, (struct kube_pos){ 1, 1 }, &root, &fault),
                     KUBE_PARSE_FAULT);
    assert_int_equal(fault.code, DIAG_FILE_TOO_LARGE);
    assert_true(arena_bytes(&arena) < 1 << 20);
    buf_deinit(&text);
    arena_deinit(&arena);
}

static void test_nodes_are_taken_off_the_budget(void **state)
{
    const struct kube_node *root;
    struct kube_fault fault;
    struct arena arena;
    size_t nodes_left = 8;

    (void)state;
    arena_init(&arena, 4096);
    /* the map, "a", the list, 1, 2; "b", and the alias as the three that it stands for: 9 */
    assert_int_equal(kube_yaml_parse(&arena, SPAN("a: &x [1, 2]\nb: *x"), (struct kube_pos){ 1, 1 },
                                     &nodes_left, &root, &fault),
                     KUBE_PARSE_FAULT);
    assert_int_equal(fault.code, DIAG_FILE_TOO_LARGE);
    nodes_left = 9;
    assert_int_equal(kube_yaml_parse(&arena, SPAN("a: &x [1, 2]\nb: *x"), (struct kube_pos){ 1, 1 },
                                     &nodes_left, &root, &fault),
                     KUBE_PARSE_OK);
    assert_int_equal(nodes_left, 0);
    assert_int_equal(root->weight, 9);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builds_the_tree),
        cmocka_unit_test(test_nodes_know_where_they_stand),
        cmocka_unit_test(test_text_without_a_document_is_nothing),
        cmocka_unit_test(test_faults_say_where_and_what_to_do),
        cmocka_unit_test(test_depth_is_bounded),
        cmocka_unit_test(test_depth_counts_what_aliases_bring_in),
        cmocka_unit_test(test_a_billion_laughs_are_refused),
        cmocka_unit_test(test_nodes_are_taken_off_the_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
