/* proxy/client/h1_client.h
 *
 * Purpose    HTTP/1 on a client's connection: heads in sequence (keep-alive, pipelining), an exchange for
 *            each, and an orderly end. Every event of the connection and of its exchange ends in one
 *            engine that takes steps until one says wait or close.
 * Ownership  Owned by the connection, whose speaker it is; owns its exchange.
 * Lifetime   From a head's first byte to the end of its exchange: between two, the connection has none, and
 *            costs no more than itself. Pooled per worker.
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_CLIENT_H1_CLIENT_H
#define YETT_PROXY_CLIENT_H1_CLIENT_H

#include "proxy/body/stream_body.h"
#include "proxy/client/connection.h"
#include "proxy/client/downstream.h"
#include "proxy/exchange/exchange.h"

enum h1_client_state {
    H1_CLIENT_HEAD, /* reads a head */
    H1_CLIENT_EXCHANGE,
    H1_CLIENT_TUNNEL,
    H1_CLIENT_LINGER, /* its end is sent: drops what the peer still sends */
};

struct h1_client {
    struct downstream side;
    struct h1_client *next_free;
    struct exchange *exchange; /* H1_CLIENT_EXCHANGE; in H1_CLIENT_HEAD the prepared one */
    struct loop_task again;    /* goes on after others had their turn */
    struct h1_parser parser;
    struct stream_source source;
    struct stream_sink sink;
    uint32_t lingered_bytes;
    uint8_t state; /* enum h1_client_state */
    uint8_t wait;  /* what the connection's timer waits for */
};

/* HTTP/1 is spoken from now on, its first head awaited. */
void h1_client_begin(struct connection *connection);
/* What came is no head that is understood: answers with `status` and closes. */
void h1_client_refuse(struct connection *connection, uint16_t status);

/* Frees what a worker keeps for reuse. */
void h1_clients_deinit(struct worker *worker);

#endif
