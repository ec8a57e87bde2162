/* kube/base64.h
 *
 * Purpose    Base64 as Secrets hold their data (RFC 4648, section 4). */
#ifndef YETT_KUBE_BASE64_H
#define YETT_KUBE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

/* Line breaks are passed over, as Go's decoder does. False: not base64; *ret_at says which byte. */
YETT_MUST_USE bool kube_base64_decode(struct arena *arena, struct span text, struct span *ret_bytes,
                                      size_t *ret_at);

/* Appends `bytes` in base64, on one line. */
void kube_base64_encode(struct buf *out, struct span bytes);

#endif
