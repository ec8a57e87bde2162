#include "fixture.h"

#include "kube/json.h"

static const struct {
    const char *text;
    bool wants_positions;
    const char *tree;
    size_t bytes;
} trees[] = {
    { "{\"a\": 1}", true, "{a: 1@3:7}@3:1", 8 },
    { "{\"a\": 1}", false, "{a: 1@0:0}@0:0", 8 },
    { "[true,false,null,\"x\"] {}", true, "[true@3:2, false@3:7, null@3:13, \"x\"@3:18]@3:1", 21 },
    { "{\n\t\"a\":\"\\\"\\/\\u00e9\"\n}", true, "{a: \"\\\"/\xC3\xA9\"@4:6}@3:1", 21 },
    { "{\"a\":\"yes\",\"b\":\"1\",\"<<\":{}}", true,
      "{a: \"yes\"@3:6, b: \"1\"@3:16, <<: {}@3:25}@3:1", 27 },
    { "[-1, 1.5, 2E3]", true, "[-1@3:2, 1.5@3:6, 2E3@3:11]@3:1", 14 },
    { "\"x\"", true, "\"x\"@3:1", 3 },
    /* libyaml refuses surrogates: no positions, but the right text */
    { "[\"\\ud83d\\ude00\"]", true, "[\"\xF0\x9F\x98\x80\"@0:0]@0:0", 16 },
    { "{\"a\": [1, 1.5, true, null]}", false, "{a: [1@0:0, 1.5@0:0, true@0:0, null@0:0]@0:0}@0:0",
      27 },
};

static void test_builds_the_tree_of_the_first_value(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(trees); i++) {
        const struct kube_node *root = NULL;
        struct kube_fault fault;
        size_t bytes = 0, nodes_left = 100;
        print_message("%s\n", trees[i].text);
        assert_int_equal(kube_json_parse(&arena, span_from_str(trees[i].text),
                                         (struct kube_pos){ 3, 1 }, trees[i].wants_positions,
                                         &nodes_left, &root, &bytes, &fault),
                         KUBE_PARSE_OK);
        fixture_assert_tree(root, true, trees[i].tree);
        assert_int_equal(bytes, trees[i].bytes);
        assert_int_equal(nodes_left, 100 - root->weight);
    }
    arena_deinit(&arena);
}

static const struct {
    const char *text;
    struct kube_pos pos;
} faults[] = {
    { "{\"a\": 1,}", { 3, 9 } }, { "{\"a\": 1", { 3, 7 } },     { "{\n \"a\" 1}", { 4, 6 } },
    { "{'a': 1}", { 3, 2 } },    { "{a: 1}", { 3, 2 } },        { "[01]", { 3, 2 } },
    { "[\"a\nb\"]", { 3, 3 } },  { "[\"\\u0000\"]", { 3, 9 } },
};

static void test_is_strict_and_says_where(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        const struct kube_node *root = NULL;
        struct kube_fault fault = { 0 };
        size_t bytes = 42, nodes_left = 100;
        print_message("%s\n", faults[i].text);
        assert_int_equal(kube_json_parse(&arena, span_from_str(faults[i].text),
                                         (struct kube_pos){ 3, 1 }, true, &nodes_left, &root,
                                         &bytes, &fault),
                         KUBE_PARSE_FAULT);
        assert_null(root);
        assert_int_equal(bytes, 42);
        assert_int_equal(fault.code, DIAG_SYNTAX);
        assert_int_equal(fault.pos.line, faults[i].pos.line);
        assert_int_equal(fault.pos.column, faults[i].pos.column);
        assert_true(fault.message.len && fault.mend.len);
    }
    arena_deinit(&arena);
}

static void test_limits_hold_without_positions_too(void **state)
{
    static const struct {
        size_t depth, nodes;
        enum kube_parse_result result;
        enum diag_code code;
    } cases[] = {
        { KUBE_DEPTH_MAX, 100, KUBE_PARSE_OK, 0 },
        { KUBE_DEPTH_MAX + 1, 100, KUBE_PARSE_FAULT, DIAG_TOO_DEEP },
        { 10, 9, KUBE_PARSE_FAULT, DIAG_FILE_TOO_LARGE },
    };
    struct arena arena;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < ARRAY_LEN(cases) * 2; i++) {
        char text[2 * (KUBE_DEPTH_MAX + 1)];
        size_t depth = cases[i / 2].depth, nodes_left = cases[i / 2].nodes, bytes;
        const struct kube_node *root;
        struct kube_fault fault;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(kube_json_parse(&arena, span_of(text, depth * 2),
                                         (struct kube_pos){ 1, 1 }, i % 2 == 0, &nodes_left, &root,
                                         &bytes, &fault),
                         cases[i / 2].result);
        if (cases[i / 2].result == KUBE_PARSE_FAULT)
            assert_int_equal(fault.code, cases[i / 2].code);
    }
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builds_the_tree_of_the_first_value),
        cmocka_unit_test(test_is_strict_and_says_where),
        cmocka_unit_test(test_limits_hold_without_positions_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
