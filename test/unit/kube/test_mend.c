#include "fixture.h"

#include "kube/mend.h"

static const char *const known[] = { "path", "pathType", "backend", "ingressClassName", NULL };

static const struct {
    const char *word, *meant;
} words[] = {
    { "paths", "path" },
    { "pathtype", "pathType" },
    { "patType", "pathType" },
    { "bakcend", "backend" },
    { "backends", "backend" },
    { "IngressClassname", "ingressClassName" },
    { "ingressClass", NULL },
    { "service", NULL },
    { "x", NULL },
    { "", NULL },
    { "a-word-that-is-far-too-long-to-be-a-mistyping-of-any", NULL },
};

static void test_finds_the_word_that_was_meant(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const char *meant = kube_mend_word(span_from_str(words[i].word), known);
        print_message("%s\n", words[i].word);
        if (words[i].meant)
            assert_string_equal(meant ? meant : "(none)", words[i].meant);
        else
            assert_null(meant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_finds_the_word_that_was_meant) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
