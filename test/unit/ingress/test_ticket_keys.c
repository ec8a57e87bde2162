#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"
#include "ingress/compile.h"

/* Base64 of 48 bytes of one letter. */
#define KEY_A "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFB"
#define KEY_B "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
#define KEY_C "Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"
#define SHORT "QUFB"

#define SECRET(data)                                                                       \
    "apiVersion: v1\nkind: Secret\nmetadata: {name: keys, namespace: gates}\ndata: {" data \
    "}\n---\n"
#define MAP(value)                                                                          \
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings, namespace: gates}\ndata: " \
    "{ssl-session-ticket-key: " value "}\n---\n"

static const struct {
    const char *what, *yaml;
    bool names_secret;
    const char *letters; /* of the keys, newest first; 'm': the made one */
    size_t errors;
} cases[] = {
    { "nobody gives any", "", false, "m", 0 },
    { "the ConfigMap", MAP(KEY_A), false, "A", 0 },
    { "the ConfigMap, badly", MAP(SHORT), false, "m", 0 },
    { "a Secret", SECRET("k: " KEY_A), true, "A", 0 },
    { "the last name is the newest", SECRET("k2025: " KEY_A ", k2026: " KEY_B ", k2024: " KEY_C),
      true, "BAC", 0 },
    { "the ConfigMap's stands behind", SECRET("k: " KEY_B) MAP(KEY_A), true, "BA", 0 },
    { "no more than four",
      SECRET("a: " KEY_A ", b: " KEY_B ", c: " KEY_C ", d: " KEY_A ", e: " KEY_B), true, "BACB",
      0 },
    { "one that is too short", SECRET("a: " KEY_A ", b: " SHORT), true, "A", 1 },
    { "none that is long enough", SECRET("b: " SHORT), true, "m", 1 },
    { "an empty Secret", SECRET(""), true, "m", 0 },
    { "a Secret that nobody named", SECRET("k: " KEY_A), false, "m", 0 },
    { "no such Secret", "", true, "m", 1 },
};

static size_t errors_of(const struct diag_list *diags)
{
    size_t errors = 0;

    for (size_t i = 0; i < diags->diags.len; i++)
        errors += diags->diags.items[i].severity == DIAG_ERROR &&
                  (diags->diags.items[i].code == DIAG_TLS_SECRET_INVALID ||
                   diags->diags.items[i].code == DIAG_TLS_SECRET_MISSING);
    return errors;
}

static void test_whose_keys_count(void **state)
{
    const struct route_ticket_key made = { .bytes = { 'm' }, .len = 80 };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ingress_options options = ingress_options_default();
        struct diag_list diags;
        struct fixture fixture;
        char letters[8] = "";

        print_message("%s\n", cases[i].what);
        fixture_init(&fixture, cases[i].yaml, FIXTURE_AS_WRITTEN);
        diag_list_init(&diags);
        options.config_map = (struct ingress_object_name){ SPAN("gates"), SPAN("settings") };
        if (cases[i].names_secret)
            options.ticket_keys = (struct ingress_object_name){ SPAN("gates"), SPAN("keys") };
        options.made_ticket_keys = &made;
        options.made_ticket_keys_len = 1;
        struct route_model *model = ingress_compile(&fixture.store, &options, &diags);
        for (size_t k = 0; k < model->ticket_keys_len; k++)
            letters[k] = (char)model->ticket_keys[k].bytes[0];
        assert_string_equal(letters, cases[i].letters);
        assert_int_equal(errors_of(&diags), cases[i].errors);
        route_model_free(model);
        diag_list_deinit(&diags);
        fixture_deinit(&fixture);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_whose_keys_count) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
