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
    /* A peer that acknowledges nothing for so long is given up by the kernel, one that acknowledges and does not
     * answer by us, for all calls at once. */
    API_PEER_SILENT_MS = 15 * 1000,
};

struct api_transport;

/* One transfer; lives in its owner's struct. */
struct api_transfer {
    CURL *easy;
    struct api_transport *transport; /* that it was added to */
    bool is_running;
    bool is_connected;   /* its request is on a connection: */
    uint16_t local_port; /* with this port at our end */
};

struct api_transport_events {
    /* It has ended; still to be removed. */
    void (*on_done)(void *ctx, struct api_transfer *transfer, CURLcode code);
    /* There may be room again. Called from within libcurl. */
    void (*on_room)(void *ctx);
};

YETT_MUST_USE int api_transport_new(struct loop *loop, const struct api_transport_events *events,
                                    void *ctx, struct api_transport **ret_transport);
struct api_transport *api_transport_free(struct api_transport *transport);

/* False: another transfer would open a connection while one is being made already, which may have room for
 * many. libcurl itself would go ahead. */
bool api_transport_has_room(const struct api_transport *transport);
/* Sets what the transfer needs of this room's own (CURLOPT_PRIVATE too), and starts it at the loop's next
 * turn. */
void api_transport_add(struct api_transport *transport, struct api_transfer *transfer);
/* Fine where it has ended or was never added. Its connection may go on. */
void api_transport_remove(struct api_transport *transport, struct api_transfer *transfer);

/* Has libcurl look for bytes that it may have read already and forgotten. Not from within libcurl. */
void api_transport_nudge(struct api_transfer *transfer);

/* For a transfer that was given up for want of an answer. Breaks its connection if not a byte came on it for
 * API_PEER_SILENT_MS, of the time in which something was asked on it: every call on it ends soon, and no other
 * one is put on it. A connection on which others are answered stays, as does one that was asked just now. */
void api_transport_break_if_silent(struct api_transport *transport,
                                   const struct api_transfer *transfer);

/* Connections opened so far. */
uint64_t api_transport_connections(const struct api_transport *transport);

#endif
