/* proxy/exchange/request_head.h
 *
 * Purpose    The head that a backend gets: the client's, without what concerns one hop only or was
 *            forged, with what the gate knows.
 * See        RFC 9110 7.6; docs/compatibility.md, "Request headers" */
#ifndef YETT_PROXY_EXCHANGE_REQUEST_HEAD_H
#define YETT_PROXY_EXCHANGE_REQUEST_HEAD_H

#include "proxy/exchange/exchange.h"

/* Gives the head to the present upstream. */
void request_head_write(struct exchange *exchange);

/* Whether a field may follow the content: none that speaks for the gate, as in the head; and, as nobody needs them
 * there, none with an underscore. */
bool request_trailer_passes(const struct http_header *trailer);

/* The client's X-Request-ID, or a new one; "" where the settings want none. */
void request_id_choose(struct exchange *exchange);

#endif
