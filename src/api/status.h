/* api/status.h
 *
 * Purpose    What an answer that is no 2xx says: the Status object of the API server, or what a proxy in
 *            between made up.
 * Ownership  Texts are copied into the arena.
 * See        https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ */
#ifndef YETT_API_STATUS_H
#define YETT_API_STATUS_H

#include <stdint.h>

#include "base/arena.h"

struct api_status {
    struct span reason;  /* "Expired", "Conflict", …; may be empty */
    struct span message; /* never empty */
    uint32_t code;       /* 0: not said */
    uint32_t retry_after_ms;
};

/* Reads `body`, which came with the HTTP status `code`; where that is no Status, the message says so with
 * the first of its text. */
void api_status_read(struct arena *arena, struct span body, uint32_t code,
                     struct api_status *ret_status);

#endif
