/* test/unit/api/server.h
 *
 * Purpose    A server of HTTP/1.1 on the test's own loop, in plain text or behind TLS, that answers as the
 *            test says.
 * Ownership  server_close() ends it with all its connections.
 * Limits     A request is told when its head and, by its content-length, its body are there. */
#ifndef YETT_TEST_API_SERVER_H
#define YETT_TEST_API_SERVER_H

#include "base/buf.h"
#include "base/vec.h"
#include "net/loop.h"
#include "tls/codec.h"

struct server_connection {
    struct list link;
    struct server *server;
    struct loop_watch watch;
    struct tls_codec *tls; /* NULL: plain text */
    struct buf input;
};

struct server {
    struct loop *loop;
    struct loop_watch listener;
    uint16_t port;
    struct tls_context *tls;
    struct list connections;
    size_t accepted, requests;
    struct buf last; /* the last request, whole */
    /* Called for each request, after `last` was set; may send and close. */
    void (*answer)(struct server *server, struct server_connection *connection);
    void *ctx;
};

/* `tls` may be NULL; it is borrowed. */
void server_open(struct server *server, struct loop *loop, struct tls_context *tls);
void server_close(struct server *server);

void server_send(struct server_connection *connection, const char *text);
void server_send_bytes(struct server_connection *connection, struct span bytes);
/* "HTTP/1.1 status\r\ncontent-length: …" with that body. */
void server_reply(struct server_connection *connection, const char *status, const char *body);
void server_hang_up(struct server_connection *connection);
/* The newest connection; NULL: there is none. */
struct server_connection *server_newest(struct server *server);

#endif
