/* proxy/exchange/response_head.h
 *
 * Purpose    The head that a client gets: the backend's, without what concerns one hop only, framed for
 *            the client's version of HTTP.
 * See        RFC 9110 7.6, RFC 9112 6.3; docs/compatibility.md, "Response headers" */
#ifndef YETT_PROXY_EXCHANGE_RESPONSE_HEAD_H
#define YETT_PROXY_EXCHANGE_RESPONSE_HEAD_H

#include "proxy/exchange/exchange.h"

/* Framing of the answer's body towards the client; may forbid keeping the connection, which it notes
 * in exchange->client_may_keep. */
enum http_body_kind response_head_framing(struct exchange *exchange);

/* Gives the final answer's head, of `head_bytes` as it came, to the client. */
void response_head_write(struct exchange *exchange, size_t head_bytes, enum http_body_kind framing);

/* Gives it an interim answer (1xx) of `head_bytes`: not for clients of HTTP/1.0. */
void response_interim_write(struct exchange *exchange, size_t head_bytes);
/* 100 Continue, of the gate's own. */
void response_continue_write(struct exchange *exchange);

/* Gives it the head of an answer of the gate's own, and sets the response pump up for its page. `extra`:
 * whole field lines, or "". Clients that speak gRPC get a status of it. */
void response_local_write(struct exchange *exchange, uint16_t status, struct span extra);

#endif
