#include "fixture.h"

#include <jansson.h>

#include "kube/json.h"

static const struct {
    const char *text;
    bool wants_positions;
    const char *tree;
    size_t bytes;
} trees[] = {
    { "{\"a\": 1}", true, "{a: 1@3:7}@3:1", 8 },
    { "{\"a\": 1}", false, "{a: 1@0:0}@0:0", 8 },
    { " \t\r\n1 ", true, "1@4:1", 5 },
    { "[[],{},\"\",0,-0.5e-7]", true, "[[]@3:2, {}@3:5, \"\"@3:8, 0@3:11, -0.5e-7@3:13]@3:1", 20 },
    { "{\"\xC3\xA9\":\"\xE2\x82\xAC\",\"b\":2}", true,
      "{\xC3\xA9: \"\xE2\x82\xAC\"@3:6, b: 2@3:14}@3:1", 18 },
    { "[\"a\\\\\",\"\\\\\\\"\",\"12345678\\n\"]", true,
      "[\"a\\\\\"@3:2, \"\\\\\\\"\"@3:8, \"12345678\\n\"@3:15]@3:1", 27 },
    { "[true,false,null,\"x\"] {}", true, "[true@3:2, false@3:7, null@3:13, \"x\"@3:18]@3:1", 21 },
    { "{\n\t\"a\":\"\\\"\\/\\u00e9\"\n}", true, "{a: \"\\\"/\xC3\xA9\"@4:6}@3:1", 21 },
    { "{\"a\":\"yes\",\"b\":\"1\",\"<<\":{}}", true,
      "{a: \"yes\"@3:6, b: \"1\"@3:16, <<: {}@3:25}@3:1", 27 },
    { "[-1, 1.5, 2E3]", true, "[-1@3:2, 1.5@3:6, 2E3@3:11]@3:1", 14 },
    { "\"x\"", true, "\"x\"@3:1", 3 },
    { "[\"\\ud83d\\ude00\"]", true, "[\"\xF0\x9F\x98\x80\"@3:2]@3:1", 16 },
    /* left out, but only where Kubernetes has it, and only if it is JSON */
    { "{\"metadata\":{\"managedFields\":[{\"a\":[1,\"b\",null]}],\"name\":\"x\"}}", false,
      "{metadata: {name: \"x\"@0:0}@0:0}@0:0", 62 },
    { "{\"data\":{\"managedFields\":{}},\"managedFields\":{}}", false,
      "{data: {managedFields: {}@0:0}@0:0, managedFields: {}@0:0}@0:0", 48 },
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
    { "{\"a\": 1,}", { 3, 9 } },
    { "{\"a\": 1", { 3, 8 } },
    { "{\n \"a\" 1}", { 4, 6 } },
    { "{'a': 1}", { 3, 2 } },
    { "{a: 1}", { 3, 2 } },
    { "[1 2]", { 3, 4 } },
    { "[1,]", { 3, 4 } },
    { "[", { 3, 2 } },
    { "", { 3, 1 } },
    { "[01]", { 3, 2 } },
    { "[1.]", { 3, 2 } },
    { "[1e+]", { 3, 2 } },
    { "[-]", { 3, 2 } },
    { "[+1]", { 3, 2 } },
    { "[tru]", { 3, 2 } },
    { "\"a", { 3, 3 } },
    { "[\"a\nb\"]", { 3, 4 } },
    { "[\"\xC3\xA9\xFF\"]", { 3, 4 } },
    { "[\"a\\x\"]", { 3, 4 } },
    { "[\"\\u12g4\"]", { 3, 3 } },
    { "[\"\\u123", { 3, 8 } },
    { "[\"\\", { 3, 4 } },
    { "[\"\\\"", { 3, 5 } },
    { "[\"\\ud83d\"]", { 3, 3 } },
    { "[\"\\ude00\\ud83d\"]", { 3, 3 } },
    { "[\"\\ud83d\\u0041\"]", { 3, 3 } },
    { "[\"\\u0000\"]", { 3, 3 } },
    { "{\"metadata\":{\"managedFields\":[1,}}", { 3, 33 } },
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

/* One byte of a text that is JSON is replaced, added or taken away; some of what comes of it is JSON too. */
static struct span mutated(struct span seed, uint32_t *random, char *bytes)
{
    static const char alphabet[] = "{}[],:\"\\u0d1e.-+tn \n\xC3\xA9\xFF";
    size_t len = seed.len;

    memcpy(bytes, seed.ptr, len);
    for (unsigned edits = 1 + (*random >> 8 & 3); edits > 0 && len > 0; edits--) {
        *random = *random * 1664525u + 1013904223u;
        size_t at = (*random >> 8) % len;
        char byte = alphabet[(*random >> 4) % (sizeof(alphabet) - 1)];
        if (*random >> 30 == 0) {
            memmove(bytes + at, bytes + at + 1, --len - at);
        } else if (*random >> 30 == 1) {
            memmove(bytes + at + 1, bytes + at, len++ - at);
            bytes[at] = byte;
        } else {
            bytes[at] = byte;
        }
    }
    return span_of(bytes, len);
}

static void test_takes_what_jansson_takes(void **state)
{
    static const char *const seeds[] = {
        "{\"a\":[1,-2.5e3,true,false,null,\"x\\n\\u00e9\"],\"b\":{\"c\":\"\\ud83d\\ude00\"}}",
        "[\"\xC3\xA9\xE2\x82\xAC\",0,10,\"\\\\\\\"\",{},[],{\"\":\"12345678901234567\"}]",
    };
    struct arena arena;
    uint32_t random = 1;
    size_t taken = 0;

    (void)state;
    arena_init(&arena, 4096);
    for (size_t i = 0; i < 40000; i++) {
        char bytes[256];
        struct span text = mutated(span_from_str(seeds[i % 2]), &random, bytes);
        const struct kube_node *root;
        struct kube_fault fault;
        size_t len = 0, nodes_left = 1000;
        json_error_t error;
        json_t *theirs =
            json_loadb(text.ptr, text.len, JSON_DISABLE_EOF_CHECK | JSON_DECODE_ANY, &error);
        bool is_taken = kube_json_parse(&arena, text, (struct kube_pos){ 1, 1 }, false, &nodes_left,
                                        &root, &len, &fault) == KUBE_PARSE_OK;
        bool is_number_too_large =
            !theirs && json_error_code(&error) == json_error_numeric_overflow;
        if (!is_number_too_large &&
            (is_taken != (theirs != NULL) || (is_taken && len != (size_t)error.position)))
            fail_msg("%.*s: jansson says %s", SPAN_ARG(text), theirs ? "yes" : error.text);
        taken += is_taken;
        json_decref(theirs);
        arena_reset(&arena);
    }
    assert_true(taken > 1000 && taken < 39000);
    arena_deinit(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builds_the_tree_of_the_first_value),
        cmocka_unit_test(test_is_strict_and_says_where),
        cmocka_unit_test(test_limits_hold_without_positions_too),
        cmocka_unit_test(test_takes_what_jansson_takes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
