#include "tls/codec.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/bug.h"
#include "base/mem.h"
#include "line.h"

/* What OpenSSL holds on the heap, for the budget of an idle connection. */
static size_t openssl_bytes;

static void *counted_malloc(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *ptr = malloc(size);
    openssl_bytes += malloc_usable_size(ptr);
    return ptr;
}

static void *counted_realloc(void *before, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    openssl_bytes -= malloc_usable_size(before);
    void *ptr = realloc(before, size);
    openssl_bytes += malloc_usable_size(ptr);
    return ptr;
}

static void counted_free(void *ptr, const char *file, int line)
{
    (void)file, (void)line;
    openssl_bytes -= malloc_usable_size(ptr);
    free(ptr);
}

enum {
    IDLE_CONNECTIONS = 100,
    ANSWER_BYTES = 60000,
    IDLE_BYTES_MAX = 16384, /* of OpenSSL's; measured: see the message of the test */
    IDLE_QUEUE_BYTES_MAX = 512,
};

/* Everything on the heap, ours and OpenSSL's; 0 where a sanitizer keeps the heap. */
static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static void test_idle_connection_is_small(void **state)
{
    (void)state;
    for (int protocol = TLS1_2_VERSION; protocol <= TLS1_3_VERSION; protocol++) {
        struct line lines[IDLE_CONNECTIONS];
        char *bytes = mem_alloc_zero(ANSWER_BYTES);
        size_t taken;

        for (size_t i = 0; i < IDLE_CONNECTIONS; i++) {
            line_open_established(&lines[i], protocol);
            client_says(&lines[i], SPAN("GET / HTTP/1.1"));
            codec_hears(&lines[i], SPAN("GET / HTTP/1.1"));
            assert_int_equal(tls_codec_write(lines[i].codec, span_of(bytes, ANSWER_BYTES), &taken),
                             TLS_CODEC_OK);
            while (carry_to_client(&lines[i]))
                ;
            tls_codec_relax(lines[i].codec);
        }
        mem_free(bytes);
        size_t openssl_before = openssl_bytes, heap_before = heap_bytes();
        for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
            lines[i].codec = tls_codec_free(lines[i].codec);
        size_t openssl_each = (openssl_before - openssl_bytes) / IDLE_CONNECTIONS;
        size_t heap_each = (heap_before - heap_bytes()) / IDLE_CONNECTIONS;

        print_message("an idle connection: %zu bytes of OpenSSL's, %zu in all (0: not known)\n",
                      openssl_each, heap_each);
        assert_true(openssl_each > 0 && openssl_each <= IDLE_BYTES_MAX);
        assert_true(heap_each <= IDLE_BYTES_MAX + IDLE_QUEUE_BYTES_MAX);
        for (size_t i = 0; i < IDLE_CONNECTIONS; i++)
            line_close(&lines[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_idle_connection_is_small),
    };

    invariant(CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) == 1);
    return cmocka_run_group_tests(tests, gate_open, gate_close);
}
