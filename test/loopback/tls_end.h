/* tls_end.h
 *
 * Purpose    The test's end of a TLS connection of the worker's, in either role.
 * Lifetime   tls_end_open() or tls_end_accept() … tls_end_close(). */
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

/* A client: connects and shakes hands, which must succeed. `pair` NULL: no certificate is shown. `server_name`
 * NULL: none is said. */
void tls_end_open(struct rig *rig, struct tls_end *tls, const char *server_name,
                  const struct tls_pair_pem *pair);
/* A backend, which shows `context`, whatever name is said. Takes `end`. */
void tls_end_accept(struct tls_end *tls, struct end end, struct tls_context *context);
void tls_end_close(struct tls_end *tls);

/* Shakes hands and hears, until nothing moves. */
void tls_end_settle(struct rig *rig, struct tls_end *tls);
void tls_end_send(struct rig *rig, struct tls_end *tls, const char *text);
/* A head comes next that starts so, and nothing behind it. */
void tls_end_expect_head(struct rig *rig, struct tls_end *tls, const char *start);
/* A whole answer of the worker's; its status, and all of it in tls->plain. */
unsigned tls_end_answer(struct rig *rig, struct tls_end *tls);

#endif
