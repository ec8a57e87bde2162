#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/dir_names.h"

static const struct {
    const char *name;
    bool is_manifest, is_folder, is_kubelet;
} names[] = {
    { "web.yaml", true, true, false },     { "web.yml", true, true, false },
    { "web.json", true, true, false },     { "web.yaml~", false, true, false },
    { "#web.yaml#", false, true, false },  { "#web.yaml", false, true, false },
    { ".#web.yaml", false, false, false }, { ".web.yaml.swp", false, false, false },
    { ".web.yaml", false, false, false },  { "web.yaml.swp", false, true, false },
    { "4913", false, true, false },        { "web.YAML", false, true, false },
    { "README.md", false, true, false },   { "", false, false, false },
    { ".", false, false, false },          { "..", false, false, true },
    { "..data", false, false, true },      { "..2026_11_23_22_53.123", false, false, true },
    { "..data.yaml", false, false, true },
};

static void test_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span name = span_from_str(names[i].name);

        print_message("%s\n", names[i].name);
        assert_int_equal(dir_name_is_manifest(name), names[i].is_manifest);
        assert_int_equal(dir_name_is_folder(name), names[i].is_folder);
        assert_int_equal(dir_name_is_kubelet(name), names[i].is_kubelet);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_names) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
