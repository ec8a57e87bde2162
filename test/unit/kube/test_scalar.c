#include "fixture.h"

#include "kube/scalar.h"

static const struct {
    const char *text;
    enum kube_node_kind kind;
    bool truth;
} kinds[] = {
    { "", KUBE_NODE_NULL, false },
    { "~", KUBE_NODE_NULL, false },
    { "Null", KUBE_NODE_NULL, false },
    { "nULL", KUBE_NODE_STRING, false },
    { "None", KUBE_NODE_STRING, false },
    { "yes", KUBE_NODE_BOOL, true },
    { "Off", KUBE_NODE_BOOL, false },
    { "n", KUBE_NODE_BOOL, false },
    { "Y", KUBE_NODE_BOOL, true },
    { "tRUE", KUBE_NODE_STRING, false },
    { "80", KUBE_NODE_NUMBER, false },
    { "-1", KUBE_NODE_NUMBER, false },
    { "8_0", KUBE_NODE_NUMBER, false },
    { "0x1F", KUBE_NODE_NUMBER, false },
    { "0o17", KUBE_NODE_NUMBER, false },
    { "1e3", KUBE_NODE_NUMBER, false },
    { "1.", KUBE_NODE_NUMBER, false },
    { ".5", KUBE_NODE_NUMBER, false },
    { "+.inf", KUBE_NODE_NUMBER, false },
    { "123456789012345678901234567890", KUBE_NODE_NUMBER, false },
    { "089", KUBE_NODE_NUMBER, false }, /* no octal, so a float to YAML */
    { ".", KUBE_NODE_STRING, false },
    { "-", KUBE_NODE_STRING, false },
    { "1e", KUBE_NODE_STRING, false },
    { "1.2.3", KUBE_NODE_STRING, false },
    { "10.0.0.1", KUBE_NODE_STRING, false },
    { "0x", KUBE_NODE_STRING, false },
    { "12:30", KUBE_NODE_STRING, false },
    { "2026-01-31", KUBE_NODE_STRING, false },
    { "<<", KUBE_NODE_STRING, false },
    { "/", KUBE_NODE_STRING, false },
};

static void test_resolves_plain_scalars_as_kubectl_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        bool truth = false;
        print_message("\"%s\"\n", kinds[i].text);
        assert_int_equal(kube_scalar_resolve(span_from_str(kinds[i].text), &truth), kinds[i].kind);
        assert_int_equal(truth, kinds[i].truth);
    }
}

static const struct {
    const char *text;
    bool is_good;
    int64_t value;
} ints[] = {
    { "80", true, 80 },
    { "+80", true, 80 },
    { "-80", true, -80 },
    { "0", true, 0 },
    { "00", true, 0 },
    { "0120", true, 80 },
    { "0o120", true, 80 },
    { "0x50", true, 80 },
    { "0X50", true, 80 },
    { "0b1010000", true, 80 },
    { "8_0", true, 80 },
    { "9223372036854775807", true, INT64_MAX },
    { "-9223372036854775808", true, INT64_MIN },
    { "9223372036854775808", false, 0 },
    { "-9223372036854775809", false, 0 },
    { "0xffffffffffffffffff", false, 0 },
    { "", false, 0 },
    { "-", false, 0 },
    { "_", false, 0 },
    { "0x", false, 0 },
    { "08", false, 0 },
    { "0b2", false, 0 },
    { "80.0", false, 0 },
    { "8 0", false, 0 },
    { "--1", false, 0 },
};

static void test_reads_whole_numbers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ints); i++) {
        int64_t value = 7;
        print_message("\"%s\"\n", ints[i].text);
        assert_int_equal(kube_scalar_int(span_from_str(ints[i].text), &value), ints[i].is_good);
        assert_int_equal(value, ints[i].is_good ? ints[i].value : 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolves_plain_scalars_as_kubectl_does),
        cmocka_unit_test(test_reads_whole_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
