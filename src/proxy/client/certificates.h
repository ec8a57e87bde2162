/* proxy/client/certificates.h
 *
 * Purpose    TLS contexts towards clients, one for each way in which they differ: made when a handshake first
 *            asks, kept from image to image. And the keys of session tickets.
 * Ownership  Owns one reference per context; connections hold their own.
 * Lifetime   certificates_init() … certificates_deinit(), which comes after the last connection: the keys
 *            are borrowed by contexts.
 * Limits     As many contexts as the hosts of an image differ in what they show and ask for, names that
 *            clients make up sharing the default one; PROXY_TLS_CONTEXTS_MAX at the most. */
#ifndef YETT_PROXY_CLIENT_CERTIFICATES_H
#define YETT_PROXY_CLIENT_CERTIFICATES_H

#include "base/buf.h"
#include "base/list.h"
#include "base/map.h"
#include "image/view.h"
#include "tls/context.h"

struct certificates {
    struct map contexts; /* by what they are made of → struct certificate_context */
    struct list by_use;  /* the same; the one used last at the end */
    uint32_t contexts_max;
    struct tls_tickets *tickets;
    struct buf policy;      /* the settings that concern TLS, as bytes */
    uint64_t policy_number; /* counts their changes */
    struct buf ticket_keys; /* those that `tickets` has */
    struct buf scratch;
};

void certificates_init(struct certificates *certificates);
void certificates_deinit(struct certificates *certificates);

/* Settings and ticket keys of `view`, the newest image, hold from now on. */
void certificates_take_image(struct certificates *certificates, const struct image_view *view);

/* Contexts are borrowed until the next one is asked for. */

/* What a connection begins with, before its client said a name; NULL: there is nothing to show. */
struct tls_context *certificates_initial(struct certificates *certificates,
                                         const struct image_view *view);
/* Context for a server name (lower case; empty: none was sent), by the rules of `view`, the newest image;
 * NULL: no handshake. A host whose certificate cannot be used shows the default one. */
struct tls_context *certificates_choose(struct certificates *certificates,
                                        const struct image_view *view, struct span server_name);

/* Drops the contexts that `view` would not choose any more. */
void certificates_sweep(struct certificates *certificates, const struct image_view *view);

#endif
