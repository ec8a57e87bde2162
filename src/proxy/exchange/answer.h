/* proxy/exchange/answer.h
 *
 * Purpose    The backend's answer: its head, interim answers before it, and its body to the client.
 * Ownership  Works on the exchange. */
#ifndef YETT_PROXY_EXCHANGE_ANSWER_H
#define YETT_PROXY_EXCHANGE_ANSWER_H

#include "proxy/exchange/exchange.h"

/* EXCHANGE_SENDING: reads what the backend says. */
void answer_read_head(struct exchange *exchange);
/* EXCHANGE_RESPONDING: moves the body, then ends the exchange. */
void answer_pump(struct exchange *exchange);

#endif
