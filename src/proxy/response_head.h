/* proxy/response_head.h
 *
 * Purpose    The head that a client gets: the backend's, without what concerns one hop only, framed for
 *            the client's version of HTTP.
 * See        RFC 9110 7.6, RFC 9112 6.3; docs/compatibility.md, "Response headers" */
#ifndef YETT_PROXY_RESPONSE_HEAD_H
#define YETT_PROXY_RESPONSE_HEAD_H

#include "proxy/exchange.h"

/* Framing of the answer's body towards the client; may forbid keeping the connection, which it notes
 * in exchange->client_may_keep. */
enum http_body_kind response_head_framing(struct exchange *exchange);

/* Appends the final answer's head to the client's output. */
void response_head_write(struct exchange *exchange, enum http_body_kind framing);

/* Appends an interim answer (1xx), which goes to HTTP/1.1 clients only. */
void response_interim_write(struct exchange *exchange);

/* Appends the head and body of an answer of the gate's own. `extra`: whole field lines, or "". */
void response_local_write(struct exchange *exchange, uint16_t status, struct span extra);

#endif
