/* tls/wire.h
 *
 * Purpose    The two queues of ciphertext between a codec and its owner, and the BIO through which
 *            OpenSSL sees them.
 * Ownership  The wire owns its bytes. The BIO belongs to whoever gets it and borrows the wire.
 * Lifetime   A zeroed struct is an empty wire, and an empty queue holds no memory after
 *            wire_queue_trim(). tls_wire_deinit() returns it to that.
 * Roles      Inside the room only.
 * Limits     The codec keeps them: `in` at TLS_CODEC_INPUT_MAX. `out` refuses at WIRE_OUT_MAX, which the
 *            codec never reaches with data, but a long certificate chain may. */
#ifndef YETT_TLS_WIRE_H
#define YETT_TLS_WIRE_H

#include <stdint.h>

#include "tls/codec.h"
#include "tls/library.h"

/* Past the cap for data there is room for alerts and key updates, so that they never wait. */
enum { WIRE_OUT_MAX = TLS_CODEC_OUTPUT_MAX + 16384 };

/* Bytes [at, end) wait, in order. */
struct wire_queue {
    char *ptr;
    uint32_t at, end, cap;
};

struct tls_wire {
    struct wire_queue in, out;
};

void tls_wire_deinit(struct tls_wire *wire);
BIO *tls_wire_bio_new(struct tls_wire *wire);
struct tls_wire *tls_wire_of_bio(BIO *bio);

static inline size_t wire_queue_len(const struct wire_queue *queue)
{
    return queue->end - queue->at;
}

void wire_queue_push(struct wire_queue *queue, struct span bytes);
/* Drops `bytes` from the front. */
void wire_queue_shift(struct wire_queue *queue, size_t bytes);
/* Gives the memory back where nothing waits. */
void wire_queue_trim(struct wire_queue *queue);

#endif
