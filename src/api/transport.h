/* api/transport.h
 *
 * Purpose    libcurl's transfers on the event loop: its sockets, its timer, the end of each transfer.
 * Ownership  Owns libcurl's connections and sockets; borrows the loop. Transfers stay their caller's,
 *            who adds them and takes them out.
 * Lifetime   api_transport_new() … api_transport_free(), after all transfers were removed.
 * Roles      controller. Neither _add() nor _remove() nor _free() may be called from a callback of
 *            libcurl (bytes of a body); all may be called from on_done.
 * See        https://curl.se/libcurl/c/curl_multi_socket_action.html */
#ifndef YETT_API_TRANSPORT_H
#define YETT_API_TRANSPORT_H

#include <curl/curl.h>

#include "net/loop.h"

enum {
    API_STREAMS_MAX = 100, /* calls on a connection; the API server's own limit */
    /* A peer that acknowledges nothing is given up by the kernel, for all calls at once. */
    API_PEER_SILENT_MS = 15 * 1000,
};

struct api_transport;

typedef void api_transport_done_fn(void *ctx, CURL *transfer, CURLcode code);

YETT_MUST_USE int api_transport_new(struct loop *loop, api_transport_done_fn *on_done, void *ctx,
                                    struct api_transport **ret_transport);
struct api_transport *api_transport_free(struct api_transport *transport);

/* Sets what `transfer` needs of this room's own, and starts it at the loop's next turn. */
void api_transport_add(struct api_transport *transport, CURL *transfer);
/* Fine where it has ended. Its connection may go on. */
void api_transport_remove(struct api_transport *transport, CURL *transfer);

/* Breaks the connection that `transfer` uses if nothing at all came on it for `silent_ms`: every call
 * on it ends soon, and no other one is put on it. A connection on which others are answered stays. */
void api_transport_break_if_silent(struct api_transport *transport, CURL *transfer,
                                   uint64_t silent_ms);

/* Connections opened so far. */
uint64_t api_transport_connections(const struct api_transport *transport);

#endif
