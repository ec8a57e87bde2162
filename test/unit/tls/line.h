/* test/unit/tls/line.h
 *
 * Purpose    A codec and OpenSSL's client with a wire between them, all in memory, for the tests.
 * Lifetime   gate_open() … gate_close() as group fixtures; line_open() … line_close() in a test. */
#ifndef YETT_TEST_TLS_LINE_H
#define YETT_TEST_TLS_LINE_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "fixture.h"
#include "tls/codec_internal.h"

/* The worker's side: a few contexts and who gets which. */
struct gate {
    struct tls_context *rsa, *ec, *ed25519; /* for rsa.example, ec.example, ed.example */
    struct tls_context *only;               /* where set: for all names */
    size_t asked;
};
extern struct gate gate;

int gate_open(void **state);
int gate_close(void **state);
struct tls_context *gate_choose(void *gate, struct span name);
struct tls_context *gate_context_make(enum fixture_key key, const char *cn);
/* Must be good. */
struct tls_context *gate_server_make(const struct tls_server *server);

/* A client, a codec, and the wire between them: bytes travel in pieces of `piece`. */
struct line {
    struct tls_codec *codec;
    SSL_CTX *client_ctx;
    SSL *client;
    BIO *from_client, *to_client;
    size_t piece;
};

void line_open(struct line *line, const char *server_name);
/* As above with the handshake done, for ec.example. */
void line_open_established(struct line *line, int protocol);
/* A line to a gate that has one context for all; stays so until the next line_open_on(), or NULL. */
void line_open_on(struct line *line, struct tls_context *only, const char *server_name);
void line_close(struct line *line);

/* One piece; false when there was none to move. */
bool carry_to_codec(struct line *line);
bool carry_to_client(struct line *line);

/* Until nobody has anything more to say. Returns what the codec's last step was. */
int line_handshake(struct line *line);

/* One side says it whole, and what it said is carried over; the other hears exactly that. */
void client_says(struct line *line, struct span text);
void codec_hears(struct line *line, struct span expected);
void codec_says(struct line *line, struct span text);
void client_hears(struct line *line, struct span expected);

/* What the client makes of the last bytes that came: the reason of OpenSSL's error. */
int client_failure(struct line *line);

/* Looks inside. */
static inline bool codec_was_resumed(const struct tls_codec *codec)
{
    return SSL_session_reused(codec->ssl) == 1;
}

void assert_span(struct span s, const char *expected);

#endif
