#include "fixture.h"

#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct {
    struct diag diag;
    const char *text, *json;
} cases[] = {
    {
        {
            .severity = DIAG_ERROR,
            .code = DIAG_WRONG_TYPE,
            .file = TEXT("a.yaml"),
            .pos = { 3, 7 },
            .kind = TEXT("Ingress"),
            .namespace = TEXT("shop"),
            .name = TEXT("web"),
            .field = TEXT("spec.rules[0].host"),
            .message = TEXT("what"),
            .mend = TEXT("how"),
        },
        "a.yaml:3:7: error: Ingress shop/web: spec.rules[0].host: what [wrong-type]\n"
        "    mend: how\n",
        "{\"severity\":\"error\",\"code\":\"wrong-type\",\"file\":\"a.yaml\",\"line\":3,\"column\":"
        "7,"
        "\"kind\":\"Ingress\",\"namespace\":\"shop\",\"name\":\"web\",\"field\":\"spec.rules[0]."
        "host\","
        "\"message\":\"what\",\"mend\":\"how\"}",
    },
    {
        { .severity = DIAG_WARNING, .code = DIAG_SYNTAX, .file = TEXT("a"), .message = TEXT("m") },
        "a: warning: m [syntax]\n",
        "{\"severity\":\"warning\",\"code\":\"syntax\",\"file\":\"a\",\"message\":\"m\"}",
    },
    {
        { .severity = DIAG_NOTE, .code = DIAG_SYNTAX, .kind = TEXT("Secret"), .name = TEXT("s") },
        "note: Secret s:  [syntax]\n",
        "{\"severity\":\"note\",\"code\":\"syntax\",\"kind\":\"Secret\",\"name\":\"s\"}",
    },
    /* what a user wrote must not reach the terminal as it is */
    {
        { .severity = DIAG_ERROR, .code = DIAG_SYNTAX, .message = TEXT("a\n\x1b[2Jb\x7f\xC3\xA9") },
        "error: a\\n\\x1b[2Jb\\x7f\xC3\xA9 [syntax]\n",
        "{\"severity\":\"error\",\"code\":\"syntax\",\"message\":\"a\\n\\u001b["
        "2Jb\\u007f\xC3\xA9\"}",
    },
};

static void test_formats_as_text_and_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf text = { 0 }, json = { 0 };
        diag_format_text(&cases[i].diag, &text);
        diag_format_json(&cases[i].diag, &json);
        fixture_assert_span(buf_span(&text), cases[i].text);
        fixture_assert_span(buf_span(&json), cases[i].json);
        buf_deinit(&text);
        buf_deinit(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_formats_as_text_and_json) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
