/* tls/hello.h
 *
 * Purpose    The server name that a client asks for, read from its first bytes without answering them.
 * Ownership  Borrows everything.
 * Lifetime   A zeroed struct tls_hello_scan is at the beginning; nothing to free.
 * Limits     TLS_HELLO_BYTES_MAX raw bytes; a hello that is not whole by then is bad.
 * Roles      proxy.
 * See        RFC 8446 4.1.2 and 5.1, RFC 6066 3 */
#ifndef YETT_TLS_HELLO_H
#define YETT_TLS_HELLO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum {
    /* With post-quantum keys, a browser's hello takes 2 KB; with a ticket of ours another 2. */
    TLS_HELLO_BYTES_MAX = 16384,
    TLS_HELLO_NAME_MAX = 255,
};

enum tls_hello_result {
    TLS_HELLO_OK = 0,
    TLS_HELLO_MORE, /* give it again when there is more */
    TLS_HELLO_BAD,  /* no ClientHello, malformed or too long: a TLS server knows what to say */
};

/* How far the bytes were looked at. */
struct tls_hello_scan {
    uint32_t at;          /* of the raw bytes */
    uint32_t record_left; /* of the record there */
    uint32_t have,
        need; /* bytes of the message; need counts its head, and is 0 until that is whole */
    uint8_t head[4];
};

/* `bytes`: all that came, from the first on; longer each time, never different. However small the pieces,
 * each byte is looked at twice at the most. On OK the name stands in `name`, lower case and without a
 * final dot, and *ret_name is a span of it: empty where none was sent. */
YETT_MUST_USE int tls_hello_read(struct tls_hello_scan *scan, struct span bytes,
                                 char name[TLS_HELLO_NAME_MAX], struct span *ret_name);

/* ---- for the room ---- */

/* The content of a server_name extension → the name as sent, 1 to 255 bytes. False: malformed. */
YETT_MUST_USE bool tls_server_name_parse(struct span extension, struct span *ret_name);
/* As names are compared: lower case, and without the final dot that RFC 6066 does not allow but clients
 * send and mean. `at` has room for the name. */
struct span tls_server_name_fold(struct span name, char *at);

#endif
