/* proxy/exchange/routing.h
 *
 * Purpose    From a request's head to a rule, a Service and its endpoints; or to an answer.
 * Ownership  Works on the exchange. */
#ifndef YETT_PROXY_EXCHANGE_ROUTING_H
#define YETT_PROXY_EXCHANGE_ROUTING_H

#include "proxy/exchange/exchange.h"

/* Finds what is to be done and begins it: an answer of our own, or the first attempt. */
void routing_run(struct exchange *exchange);

#endif
