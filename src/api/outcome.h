/* api/outcome.h
 *
 * Purpose    What a call came to, in words: for replies, and so for logs, conditions and diagnostics.
 * Ownership  Messages are appended to the caller's buf; what a reply borrows lies in the arena or in the call.
 * Roles      Inside the room only. */
#ifndef YETT_API_OUTCOME_H
#define YETT_API_OUTCOME_H

#include "api/call.h"

/* libcurl ended it with `code`: "https://10.0.0.1:6443: …". */
void api_outcome_failure(const struct api_call *call, const struct api_config *config,
                         CURLcode code, struct buf *message);
/* One of its time limits is over. */
void api_outcome_late(const struct api_call *call, const struct api_config *config, uint64_t now_ms,
                      struct buf *message);
/* The answer is whole and has an HTTP status that is no 2xx. */
void api_outcome_status(const struct api_call *call, const struct api_config *config, uint32_t code,
                        struct arena *arena, struct api_reply *ret_reply);

#endif
