/* http/coding.h
 *
 * Purpose    What fields say of content codings: which ones a client takes, and whether a validator
 *            still holds for content that was coded anew.
 * Ownership  Spans borrow from the fields.
 * See        RFC 9110 8.8.3, 12.4.2, 12.5.3 */
#ifndef YETT_HTTP_CODING_H
#define YETT_HTTP_CODING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* The weight in thousandths that an Accept-Encoding field gives this coding; 0: it is not acceptable,
 * or not named. "*" names none: who sends it may not know every coding that there is. */
uint32_t http_coding_weight(struct span accept_encoding, struct span coding);

enum http_etag_kind {
    HTTP_ETAG_STRONG,
    HTTP_ETAG_WEAK,
    HTTP_ETAG_BAD, /* no entity tag at all */
};

enum http_etag_kind http_etag_kind_of(struct span etag);

#endif
