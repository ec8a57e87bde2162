/* tls_end.h
 *
 * Purpose    The test's end of a TLS connection to the worker.
 * Lifetime   tls_end_open() … tls_end_close(). */
#ifndef YETT_TEST_LOOPBACK_TLS_END_H
#define YETT_TEST_LOOPBACK_TLS_END_H

#include "rig.h"
#include "tls/client.h"
#include "tls/codec.h"

struct tls_end {
    struct end end;
    struct tls_codec *codec;
    struct buf plain; /* what the worker said */
};

/* Connects and shakes hands, which must succeed. `pair` NULL: no certificate is shown. `server_name` NULL:
 * none is said. */
void tls_end_open(struct rig *rig, struct tls_end *tls, const char *server_name,
                  const struct tls_pair_pem *pair);
void tls_end_close(struct tls_end *tls);

void tls_end_send(struct rig *rig, struct tls_end *tls, const char *text);
/* A whole answer of the worker's; its status, and all of it in tls->plain. */
unsigned tls_end_answer(struct rig *rig, struct tls_end *tls);

#endif
