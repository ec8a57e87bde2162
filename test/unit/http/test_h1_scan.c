#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "http/h1_scan.h"

static bool is_no_name(uint8_t c)
{
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return !letter && !(c >= '0' && c <= '9') && c != '-';
}

static bool is_no_text(uint8_t c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

static bool is_no_target(uint8_t c)
{
    return c <= 0x20 || c == 0x7f;
}

static const struct {
    const char *what;
    const char *(*scan)(const char *at, const char *end);
    bool (*stops)(uint8_t c);
    char filler; /* a byte that does not stop it */
} scans[] = {
    { "name", h1_scan_name, is_no_name, '-' },
    { "name, portable", h1_scan_name_portable, is_no_name, '9' },
    { "text", h1_scan_text, is_no_text, '\t' },
    { "text, portable", h1_scan_text_portable, is_no_text, '\t' },
    { "target", h1_scan_target, is_no_target, '\x80' },
    { "target, portable", h1_scan_target_portable, is_no_target, '\x80' },
};

/* Every byte value at every position of runs up to 40 bytes, each in a block of its exact size. */
static void test_finds_the_first_stop(void **state)
{
    (void)state;
    enum { LEN_MAX = 40 };

    for (size_t s = 0; s < ARRAY_LEN(scans); s++) {
        print_message("%s\n", scans[s].what);
        for (size_t len = 1; len <= LEN_MAX; len++) {
            char *block = mem_alloc(len);
            for (size_t at = 0; at < len; at++) {
                for (int c = 0; c < 256; c++) {
                    memset(block, scans[s].filler, len);
                    block[at] = (char)c;
                    const char *found = scans[s].scan(block, block + len);
                    assert_ptr_equal(found, block + (scans[s].stops((uint8_t)c) ? at : len));
                }
            }
            mem_free(block);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_the_first_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
