/* proxy/exchange/origin.h
 *
 * Purpose    Who asks, by which scheme, host and port: the connection's own facts, or what a trusted
 *            peer's header fields say (use-forwarded-headers, enable-real-ip, proxy-real-ip-cidr).
 * See        docs/compatibility.md; RFC 7239 for the idea */
#ifndef YETT_PROXY_EXCHANGE_ORIGIN_H
#define YETT_PROXY_EXCHANGE_ORIGIN_H

#include "proxy/exchange/exchange.h"

/* Fills exchange->origin. Texts borrow from the request head, the image or the exchange. */
void origin_find(struct exchange *exchange);

/* proxy-real-ip-cidr: whose word for a client's address is taken. */
bool origin_is_trusted(const struct image_view *view, const struct ip_addr *ip);

#endif
