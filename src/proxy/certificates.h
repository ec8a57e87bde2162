/* proxy/certificates.h
 *
 * Purpose    TLS contexts by certificate: made when a handshake first asks, kept from image to image.
 * Ownership  Owns one reference per context; connections hold their own. */
#ifndef YETT_PROXY_CERTIFICATES_H
#define YETT_PROXY_CERTIFICATES_H

#include "base/map.h"
#include "image/view.h"
#include "tls/context.h"

struct certificates {
    struct idmap contexts; /* certificate id → struct certificate_context */
};

void certificates_deinit(struct certificates *certificates);

/* Context for a server name (empty: none was sent), by the image's rules; NULL: there is none. */
struct tls_context *certificates_choose(struct certificates *certificates,
                                        const struct image_view *view, struct span server_name);

/* Drops the contexts whose certificates `view` does not hold. */
void certificates_sweep(struct certificates *certificates, const struct image_view *view);

#endif
