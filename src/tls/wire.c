#include "tls/wire.h"

#include "base/bug.h"
#include "base/mem.h"

/* OpenSSL pulls ciphertext from `in` and pushes it to `out`; neither ever touches a socket.
 * "Nothing there" and "no room" are told as retries, never as an end: whether the socket ended is
 * known to the one who feeds. */

enum { QUEUE_BYTES_FIRST = 1024 };

static void queue_make_room(struct wire_queue *queue, size_t more)
{
    size_t len = wire_queue_len(queue);
    size_t cap = MAX(queue->cap, (uint32_t)QUEUE_BYTES_FIRST);

    if (queue->at > 0 && len > 0)
        memmove(queue->ptr, queue->ptr + queue->at, len);
    queue->at = 0;
    queue->end = (uint32_t)len;
    while (cap - len < more)
        cap *= 2;
    if (cap != queue->cap) {
        invariant(cap <= UINT32_MAX);
        queue->ptr = mem_realloc(queue->ptr, cap);
        queue->cap = (uint32_t)cap;
    }
}

void wire_queue_push(struct wire_queue *queue, struct span bytes)
{
    if (bytes.len == 0)
        return;
    if (queue->cap - queue->end < bytes.len)
        queue_make_room(queue, bytes.len);
    memcpy(queue->ptr + queue->end, bytes.ptr, bytes.len);
    queue->end += (uint32_t)bytes.len;
}

void wire_queue_shift(struct wire_queue *queue, size_t bytes)
{
    invariant(bytes <= wire_queue_len(queue));
    queue->at += (uint32_t)bytes;
    if (queue->at == queue->end)
        queue->at = queue->end = 0;
}

void wire_queue_trim(struct wire_queue *queue)
{
    if (wire_queue_len(queue) > 0)
        return;
    mem_free(queue->ptr);
    *queue = (struct wire_queue){ 0 };
}

void tls_wire_deinit(struct tls_wire *wire)
{
    mem_free(wire->in.ptr);
    mem_free(wire->out.ptr);
    *wire = (struct tls_wire){ 0 };
}

static int on_bio_read(BIO *bio, char *at, int room)
{
    struct wire_queue *in = &tls_wire_of_bio(bio)->in;
    size_t n = MIN(wire_queue_len(in), (size_t)room);

    BIO_clear_retry_flags(bio);
    if (n == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    memcpy(at, in->ptr + in->at, n);
    wire_queue_shift(in, n);
    return (int)n;
}

static int on_bio_write(BIO *bio, const char *at, int len)
{
    struct wire_queue *out = &tls_wire_of_bio(bio)->out;

    BIO_clear_retry_flags(bio);
    if (wire_queue_len(out) >= WIRE_OUT_MAX) {
        BIO_set_retry_write(bio);
        return -1;
    }
    wire_queue_push(out, span_of(at, (size_t)len));
    return len;
}

static long on_bio_ctrl(BIO *bio, int what, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return what == BIO_CTRL_FLUSH; /* nothing to flush; all else is not supported */
}

/* Made once; lives as long as the process. */
static BIO_METHOD *wire_method(void)
{
    static BIO_METHOD *method;

    if (method)
        return method;
    method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_get_new_index(), "wire");
    invariant(method != NULL);
    BIO_meth_set_read(method, on_bio_read);
    BIO_meth_set_write(method, on_bio_write);
    BIO_meth_set_ctrl(method, on_bio_ctrl);
    return method;
}

BIO *tls_wire_bio_new(struct tls_wire *wire)
{
    BIO *bio = BIO_new(wire_method());

    invariant(bio != NULL);
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    return bio;
}

struct tls_wire *tls_wire_of_bio(BIO *bio)
{
    return BIO_get_data(bio);
}
