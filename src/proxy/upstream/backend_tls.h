/* proxy/upstream/backend_tls.h
 *
 * Purpose    TLS identities towards backends: what is verified, and what is shown, by a route's policy. Each
 *            has a number of its own, by which connections are kept apart, and a TLS context for each
 *            protocol, made when a connection first asks and kept from image to image.
 * Ownership  Owns one reference per context; connections hold their own.
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_UPSTREAM_BACKEND_TLS_H
#define YETT_PROXY_UPSTREAM_BACKEND_TLS_H

#include "base/buf.h"
#include "base/map.h"
#include "image/view.h"
#include "tls/client.h"

struct backend_tls {
    struct map identities; /* all facts, as bytes → struct backend_identity */
    uint64_t numbers_given;
    struct buf key; /* for look-ups */
};

void backend_tls_deinit(struct backend_tls *tls);

/* By image_policy.backend_tls (IMAGE_NONE: no verification, nothing shown). False: it cannot be used, which
 * is logged once: nobody may connect. *ret_number is never 0; the context is borrowed. */
bool backend_tls_find(struct backend_tls *tls, const struct image_view *view, uint32_t index,
                      bool http2, uint64_t *ret_number, struct tls_context **ret_context);

/* Drops the identities that `view` does not know. */
void backend_tls_sweep(struct backend_tls *tls, const struct image_view *view);

#endif
