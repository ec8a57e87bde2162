/* control/http_connection.h
 *
 * Purpose    One connection of an HTTP server: reads a head and its body, has it answered, writes the answer,
 *            and starts anew. While an answer is being written nothing is read: a peer that pipelines
 *            waits in its own socket.
 * Ownership  Frees itself; `on_close` of its owner hears of it.
 * Roles      control/http_server.c only. */
#ifndef YETT_CONTROL_HTTP_CONNECTION_H
#define YETT_CONTROL_HTTP_CONNECTION_H

#include "base/list.h"
#include "control/http_server.h"

/* What the connections of one server share. */
struct http_connections {
    struct loop *loop;
    struct http_server_options options;
    struct list list; /* those that were answered last, last */
    size_t len;
    size_t bodies_bytes; /* held by all */
};

/* Takes `fd`. `context`: NULL for plain HTTP. */
void http_connection_open(struct http_connections *all, int fd, struct tls_context *context);
/* Closes the connection that has waited longest for a request. False: none waits. */
YETT_MUST_USE bool http_connections_evict(struct http_connections *all);
void http_connections_close(struct http_connections *all);

#endif
