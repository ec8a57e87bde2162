#include "tls/websocket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The example of RFC 6455, 1.3. */
static void test_the_example_of_the_rfc(void **state)
{
    char key[TLS_WEBSOCKET_KEY_BYTES], accept[TLS_WEBSOCKET_ACCEPT_BYTES];

    (void)state;
    tls_websocket_key((const uint8_t *)"the sample nonce", key);
    assert_memory_equal(key, "dGhlIHNhbXBsZSBub25jZQ==", sizeof(key));
    tls_websocket_accept(key, accept);
    assert_memory_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", sizeof(accept));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_example_of_the_rfc),
    };

    return cmocka_run_group_tests_name("tls/websocket", tests, NULL, NULL);
}
