/* proxy/exchange/attempt.h
 *
 * Purpose    One try after another to have an endpoint answer: choose, connect, send, and on failure
 *            decide whether another try is safe (RFC 9110, 9.2.2) and allowed by the policy.
 * Ownership  Works on the exchange, which owns the connection of the present try. */
#ifndef YETT_PROXY_EXCHANGE_ATTEMPT_H
#define YETT_PROXY_EXCHANGE_ATTEMPT_H

#include "proxy/exchange/exchange.h"

enum attempt_failure {
    ATTEMPT_ERROR,      /* refused, reset, closed before an answer */
    ATTEMPT_TIMED_OUT,  /* connecting, sending or waiting for the answer */
    ATTEMPT_BAD_ANSWER, /* not HTTP, or too large: never tried again */
    ATTEMPT_UNRESOLVED, /* an ExternalName without address: 503 */
    ATTEMPT_REFUSED,    /* nothing was processed: safe to try again, whatever it was */
    ATTEMPT_UNUSABLE,   /* nobody may connect: the TLS settings towards it cannot be used */
};

/* Begins the next try. */
void attempt_begin(struct exchange *exchange);
/* Goes on with connecting; sends the request once connected. */
void attempt_connect(struct exchange *exchange);
/* Sends what remains of the request. */
void attempt_send(struct exchange *exchange);
/* The backend's silence counts from now on. */
void attempt_wait_for_answer(struct exchange *exchange);
/* The timer of the present try fired. True: its wait is over, and so is the try; false: it goes on. */
bool attempt_on_timeout(struct exchange *exchange);
/* Ends the present try; begins another or answers with 502, 503 or 504. */
void attempt_fail(struct exchange *exchange, enum attempt_failure failure);
/* Lets go of the connection: back to the pool, or closed. */
void attempt_release(struct exchange *exchange, bool reusable);

#endif
