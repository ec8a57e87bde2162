/* control/http_server.h
 *
 * Purpose    A small HTTP/1.1 server on the controller's loop: one request after the other on each
 *            connection, answers made whole. The admin endpoint and the admission webhook are its
 *            users.
 * Ownership  Borrows the loop, the listening descriptor and its options.
 * Lifetime   http_server_new() … http_server_free(), which ends all connections.
 * Roles      controller.
 * Units      Milliseconds; bytes.
 * Limits     Each in the options, HTTP_SERVER_HEAD_BYTES, and http_server_options.bodies_bytes for what
 *            waits in all connections together: past them a connection is refused, answered 413, 431 or
 *            503, or closed. Nothing is ever queued for a peer that does not read but its one answer.
 * Errors     -errno of the loop from http_server_new(). */
#ifndef YETT_CONTROL_HTTP_SERVER_H
#define YETT_CONTROL_HTTP_SERVER_H

#include "base/buf.h"
#include "http/message.h"
#include "net/loop.h"
#include "tls/context.h"

enum {
    HTTP_SERVER_HEAD_BYTES = 8192
}; /* what Prometheus, browsers and the API server send is a tenth */

struct http_request {
    enum http_method method;
    struct span path; /* without its query */
    struct span body;
};

struct http_answer {
    uint16_t status;
    const char *content_type;
    struct buf body;
};

struct http_server_options {
    const char *name; /* for the log: "admin" */
    uint32_t methods; /* bits (1 << enum http_method); others are answered 405 */
    uint32_t
        connections_max; /* for one more, that which has been idle for longest is closed; or the new one */
    uint32_t idle_ms; /* for the next head to come whole, for a body, for an answer to be read */
    size_t body_bytes_max;   /* of one request; 0: bodies are not read */
    size_t bodies_bytes_max; /* of all that wait */
    /* NULL: plain HTTP. Returns the context for a new connection, which takes a reference of its own;
     * NULL: there is none, and the connection is closed. */
    struct tls_context *(*tls)(void *ctx);
    /* Fills in *answer (zeroed). */
    void (*serve)(void *ctx, const struct http_request *request, struct http_answer *answer);
    void *ctx;
};

struct http_server;

YETT_MUST_USE int http_server_new(struct loop *loop, int listen_fd,
                                  const struct http_server_options *options,
                                  struct http_server **ret_server);
struct http_server *http_server_free(struct http_server *server);

/* Fills in *answer with the status and its name in plain text. */
void http_answer_status(struct http_answer *answer, uint16_t status);

#endif
