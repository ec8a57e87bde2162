#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "cli/options.h"

struct target {
    bool flag;
    struct span text;
    uint32_t choice, number, duration_ms;
    struct option_port port, fixed_port;
    struct ip_addr address;
    struct option_endpoint endpoint;
    struct ingress_object_name object;
    struct option_list list;
};

static const struct option options[] = {
    OPTION_HEADING("Flags"),
    OPTION_FLAG(struct target, "flag", BOOL, flag, NULL, "A switch."),
    OPTION_FLAG(struct target, "text", TEXT, text, "TEXT", "A text."),
    OPTION_FLAG(struct target, "choice", CHOICE, choice, "a|b", "A choice.", .choices = "one|two"),
    OPTION_FLAG(struct target, "number", NUMBER, number, "N", "A number.", .letter = 'n', .min = 2,
                .max = 20),
    OPTION_FLAG(struct target, "wait", DURATION, duration_ms, "SECONDS", "A duration."),
    OPTION_FLAG(struct target, "http-port", PORT, port, "PORT", "A port.", .may_be_off = true),
    OPTION_FLAG(struct target, "fixed-port", PORT, fixed_port, "PORT", "A port that must be."),
    OPTION_FLAG(struct target, "address", ADDRESS, address, "ADDRESS", "An address."),
    OPTION_FLAG(struct target, "endpoint", ENDPOINT, endpoint, "ADDRESS:PORT", "A place."),
    OPTION_FLAG(struct target, "object", OBJECT, object, "NS/NAME", "An object."),
    OPTION_FLAG(struct target, "header", LIST, list, "TEXT", "A list.", .letter = 'H'),
    { .name = "idle", .kind = OPTION_TEXT, .no_effect = "nothing listens" },
    { .name = "log_dir", .kind = OPTION_TEXT, .no_effect = "nothing listens" },
    { .name = "idle-switch", .kind = OPTION_BOOL, .no_effect = "nothing listens" },
};
static const struct option_table table = { options, ARRAY_LEN(options) };

enum { WORDS_MAX = 8 };

/* Parses NULL-terminated words after a program's name. */
static int parse(const char *const *given, struct target *target, struct option_words *words)
{
    char *argv[WORDS_MAX + 2] = { (char *)(uintptr_t) "test" };
    int argc = 1;

    for (; given[argc - 1] != NULL; argc++)
        argv[argc] = (char *)(uintptr_t)given[argc - 1];
    *target = (struct target){ .number = 5, .text = SPAN_EMPTY };
    option_words_init(words);
    return options_parse(&table, argc, argv, target, words);
}

static void done(struct target *target, struct option_words *words)
{
    vec_deinit(&target->list.values);
    option_words_deinit(words);
}

static const struct {
    const char *const words[WORDS_MAX];
    const char *error; /* a part of it */
} wrong[] = {
    { { "--http-port", "80a" }, "--http-port: '80a' is not a port; give a number from 1 to 65535" },
    { { "--http-port=65536" }, "give a number from 1 to 65535, 0 for a free one, or off" },
    { { "--fixed-port=off" }, "'off' is not a port; give a number from 1 to 65535, or 0" },
    { { "--http-port" }, "--http-port: its value is missing" },
    { { "--htp-port", "80" }, "--htp-port: there is no such flag; did you mean --http-port?" },
    { { "--http_port=80" }, "did you mean --http-port?" },
    { { "--endpoint", "8443" }, "--endpoint: '8443' is no address with a port; give one such as" },
    { { "--endpoint", "localhost:8443" }, "no address with a port" },
    { { "--endpoint", "127.0.0.1:" }, "no address with a port" },
    { { "--endpoint", "[::1:8443" }, "no address with a port" },
    { { "--zzz" }, "--zzz: there is no such flag" },
    { { "-z" }, "there is no such flag" },
    { { "--n=x" }, "there is no such flag" },
    { { "--flag=yes" }, "--flag: 'yes' is neither true nor false" },
    { { "--flag=" }, "neither true nor false" },
    { { "--choice", "three" }, "give one of one|two" },
    { { "--choice", "" }, "give one of one|two" },
    { { "--number", "1" }, "give one from 2 to 20" },
    { { "--number", "21" }, "give one from 2 to 20" },
    { { "--number", "-3" }, "give one from 2 to 20" },
    { { "--wait", "soon" }, "--wait: 'soon' is not a duration" },
    { { "--address", "localhost" }, "no IP address" },
    { { "--object", "name" }, "NAMESPACE/NAME" },
    { { "--object", "/name" }, "NAMESPACE/NAME" },
    { { "--object", "a/b/c" }, "NAMESPACE/NAME" },
    { { "--object", "a/b c" }, "NAMESPACE/NAME" },
    { { "--"
        "=x" },
      "there is no such flag" },
};

static void test_wrong_words_name_flag_and_mend(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct target target;
        struct option_words words;

        print_message("%s\n", wrong[i].words[0]);
        assert_int_equal(parse(wrong[i].words, &target, &words), OPTIONS_BAD);
        assert_true(span_contains(buf_span(&words.error), span_from_str(wrong[i].error)));
        assert_int_equal(target.port.number, 0);
        assert_int_equal(target.number, 5);
        assert_false(target.flag);
        done(&target, &words);
    }
}

static const struct {
    const char *const words[WORDS_MAX];
    bool flag;
    uint32_t number;
    const char *text;
    size_t operands;
} right[] = {
    { { NULL }, false, 5, "", 0 },
    { { "--flag" }, true, 5, "", 0 },
    { { "-flag" }, true, 5, "", 0 },
    { { "--flag=false" }, false, 5, "", 0 },
    { { "--flag", "false" }, true, 5, "", 1 }, /* as Go has it: a switch takes no second word */
    { { "--flag=T" }, true, 5, "", 0 },
    { { "--number=7" }, false, 7, "", 0 },
    { { "--number", "7" }, false, 7, "", 0 },
    { { "-number", "7" }, false, 7, "", 0 },
    { { "-number=7" }, false, 7, "", 0 },
    { { "-n", "7" }, false, 7, "", 0 },
    { { "-n=7" }, false, 7, "", 0 },
    { { "-n7" }, false, 7, "", 0 },
    { { "--number=7", "--number=8" }, false, 8, "", 0 },
    { { "--text=a=b" }, false, 5, "a=b", 0 },
    { { "--text", "--flag" }, false, 5, "--flag", 0 },
    { { "--text=" }, false, 5, "", 0 },
    { { "-", "x", "--flag", "y" }, true, 5, "", 3 },
    { { "--", "--flag" }, false, 5, "", 1 },
};

static void test_right_words_fill_the_target(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct target target;
        struct option_words words;

        print_message("%s\n", right[i].words[0] ? right[i].words[0] : "(nothing)");
        assert_int_equal(parse(right[i].words, &target, &words), OPTIONS_OK);
        assert_int_equal(target.flag, right[i].flag);
        assert_int_equal(target.number, right[i].number);
        assert_true(span_eq(target.text, span_from_str(right[i].text)));
        assert_int_equal(words.operands.len, right[i].operands);
        done(&target, &words);
    }
}

static void test_every_kind_is_read(void **state)
{
    const char *const first[] = { "--choice=two",  "--wait=1m30s", "--http-port=8080",
                                  "--address=::1", "--object=a/b", NULL };
    const char *const second[] = { "--http-port", "off",  "--wait",   "2",
                                   "-H",          "A: 1", "-HB: 2=3", NULL };
    const char *const third[] = { "--http-port=off", "--http-port=0", "--fixed-port=0", NULL };
    struct target target;
    struct option_words words;

    (void)state;
    assert_int_equal(parse(first, &target, &words), OPTIONS_OK);
    assert_int_equal(target.choice, 1);
    assert_int_equal(target.duration_ms, 90000);
    assert_int_equal(target.port.number, 8080);
    assert_false(target.port.is_off);
    assert_true(ip_is_loopback(&target.address));
    assert_true(span_eq(target.object.namespace, SPAN("a")));
    assert_true(span_eq(target.object.name, SPAN("b")));
    done(&target, &words);

    assert_int_equal(parse(second, &target, &words), OPTIONS_OK);
    assert_true(target.port.is_off);
    assert_int_equal(target.duration_ms, 2000);
    assert_int_equal(target.list.values.len, 2);
    assert_true(span_eq(target.list.values.items[0], SPAN("A: 1")));
    assert_true(span_eq(target.list.values.items[1], SPAN("B: 2=3")));
    done(&target, &words);

    assert_int_equal(parse(third, &target, &words), OPTIONS_OK);
    assert_int_equal(target.port.number, 0);
    assert_false(target.port.is_off);
    done(&target, &words);
}

static void test_flags_without_effect_are_noted_once(void **state)
{
    const char *const given[] = { "--idle",    "x",    "--idle=y", "--idle-switch",
                                  "--log_dir", "/tmp", "operand",  NULL };
    struct target target;
    struct option_words words;

    (void)state;
    assert_int_equal(parse(given, &target, &words), OPTIONS_OK);
    assert_int_equal(words.no_effect.len, 3);
    assert_string_equal(words.no_effect.items[0]->name, "idle");
    assert_string_equal(words.no_effect.items[1]->name, "idle-switch");
    assert_int_equal(words.operands.len, 1);
    done(&target, &words);
}

static void test_help_is_a_flag_of_every_table(void **state)
{
    static const char *const asked[][2] = { { "--help" }, { "-help" }, { "-h" } };
    struct target target;
    struct option_words words;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
        assert_int_equal(parse(asked[i], &target, &words), OPTIONS_HELP);
        done(&target, &words);
    }
}

static void test_help_text_names_all_flags(void **state)
{
    SCOPED(buf_deinit) struct buf out = { 0 };
    struct span rest, line;

    (void)state;
    options_help_append(&table, &out);
    for (size_t i = 0; i < table.len; i++)
        assert_true(span_contains(buf_span(&out), span_from_str(options[i].name)));
    assert_true(span_contains(buf_span(&out), SPAN("  -n, --number N")));
    rest = buf_span(&out);
    while (span_split(&rest, '\n', &line))
        assert_true(line.len <= 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_words_name_flag_and_mend),
        cmocka_unit_test(test_right_words_fill_the_target),
        cmocka_unit_test(test_every_kind_is_read),
        cmocka_unit_test(test_flags_without_effect_are_noted_once),
        cmocka_unit_test(test_help_is_a_flag_of_every_table),
        cmocka_unit_test(test_help_text_names_all_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
