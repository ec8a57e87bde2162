#include "fixture.h"

#include "kube/source.h"

#define UTF16(literal)               \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    struct span text;
    const char *utf8;
} encodings[] = {
    { { "a: b", 4 }, "a: b" },
    { UTF16("\xEF\xBB\xBF"
            "a"),
      "a" },
    { UTF16("\xFF\xFE"
            "a\0\xE9\0"),
      "a\xC3\xA9" },
    { UTF16("\xFE\xFF"
            "\0a\x20\xAC"),
      "a\xE2\x82\xAC" },
    { UTF16("\xFE\xFF"
            "\xD8\x3D\xDE\x00"),
      "\xF0\x9F\x98\x80" },
    { UTF16("\xFE\xFF"
            "\xD8\x3D\0a"),
      "\xEF\xBF\xBD"
      "a" },
    { UTF16("\xFE\xFF"
            "\xDE\x00\0a"),
      "\xEF\xBF\xBD"
      "a" },
    { UTF16("\xFE\xFF"
            "\0a\xD8\x3D"),
      "a\xEF\xBF\xBD" },
    { UTF16("\xFF\xFE"
            "a\0z"),
      "a" }, /* half a unit at the end */
    { UTF16("\xFF\xFE"), "" },
};

static void test_makes_utf8_of_what_a_mark_announces(void **state)
{
    struct arena arena;

    (void)state;
    arena_init(&arena, 64);
    for (size_t i = 0; i < ARRAY_LEN(encodings); i++)
        fixture_assert_span(kube_source_utf8(&arena, encodings[i].text), encodings[i].utf8);
    arena_deinit(&arena);
}

static const struct {
    const char *text;
    const char *pieces[4];
    uint32_t lines[4];
} cuts[] = {
    { "", { NULL }, { 0 } },
    { "a", { "a" }, { 1 } },
    { "a\n---\nb\n", { "a\n", "---\nb\n" }, { 1, 2 } },
    { "a\r\n--- # c\r\nb", { "a\r\n", "--- # c\r\nb" }, { 1, 2 } },
    { "a\r---\rb", { "a\r", "---\rb" }, { 1, 2 } },
    { "# c\n\n%YAML 1.1\n---\na\n---\nb", { "# c\n\n%YAML 1.1\n---\na\n", "---\nb" }, { 1, 6 } },
    { "a\n...\n%TAG ! x\n---\nb", { "a\n", "%TAG ! x\n---\nb" }, { 1, 3 } },
    { "---\n---\n", { "---\n", "---\n" }, { 1, 2 } },
    { "a: |\n  x\n ---\n----\n---x\n", { "a: |\n  x\n ---\n----\n---x\n" }, { 1 } },
    { "a\n...\n...\n# c", { "a\n", "", "# c" }, { 1, 3, 4 } },
    { "a\n---", { "a\n", "---" }, { 1, 2 } },
    { "a\n--- b", { "a\n", "--- b" }, { 1, 2 } },
    { "a\n---\tb", { "a\n", "---\tb" }, { 1, 2 } },
};

static void test_cuts_where_documents_begin_and_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
        struct kube_cutter cutter = { span_from_str(cuts[i].text), 1 };
        struct span piece;
        uint32_t line;
        print_message("case %zu\n", i);
        for (size_t n = 0; n < ARRAY_LEN(cuts[i].pieces) && cuts[i].pieces[n]; n++) {
            assert_true(kube_cutter_next(&cutter, &piece, &line));
            fixture_assert_span(piece, cuts[i].pieces[n]);
            assert_int_equal(line, cuts[i].lines[n]);
        }
        assert_false(kube_cutter_next(&cutter, &piece, &line));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_makes_utf8_of_what_a_mark_announces),
        cmocka_unit_test(test_cuts_where_documents_begin_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
