/* proxy/exchange/compression.h
 *
 * Purpose    Whether an answer's content is compressed for its client, by what the ConfigMap, the answer and
 *            the request say; and what its head says then.
 * Ownership  Works on the exchange, which owns the sink that it may get.
 * Limits     PROXY_COMPRESS_BYTES_MAX for all encoders of a worker: past it answers go as they are.
 * See        docs/compatibility.md, "Compression"; RFC 9110 7.7, 8.8.3, 12.5 */
#ifndef YETT_PROXY_EXCHANGE_COMPRESSION_H
#define YETT_PROXY_EXCHANGE_COMPRESSION_H

#include "proxy/exchange/exchange.h"
#include "proxy/head_out.h"

/* Decides, once the answer's head is there. Sets exchange->compressor, where it is compressed, and
 * exchange->answer_varies. */
void compression_choose(struct exchange *exchange);

/* Fields of the answer (1 << enum http_name) that are not copied because its content is coded anew. */
uint64_t compression_fields_dropped(const struct exchange *exchange);
/* Those that stand in their place, and Vary. */
void compression_fields_put(const struct exchange *exchange, struct head_out *out);

#endif
