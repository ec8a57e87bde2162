/* tls/tickets.h
 *
 * Purpose    Keys of session tickets. Whoever has the same secrets and the same clock has the same keys:
 *            all workers of a gate, and all gates that were given the same secret.
 *
 *            A secret is never a key itself: from it, one key is derived for each period of time. So keys
 *            rotate by themselves, everywhere at once, and nobody needs to tell. The present period's key
 *            of the newest secret encrypts; those of the period before, for tickets that are still good,
 *            and of the next one, for clocks that go ahead, decrypt as well.
 * Ownership  Copies secrets and wipes what it no longer needs. Contexts borrow it: it outlives them and
 *            their connections.
 * Lifetime   tls_tickets_new() … tls_tickets_free(). Before it is given secrets, and with none, it makes
 *            its own: tickets are then good within this process only.
 * Roles      proxy.
 * Units      Seconds since 1970.
 * Limits     TLS_TICKET_SECRETS_MAX secrets; the oldest of more are ignored.
 * See        RFC 5077, RFC 8446 4.6.1, RFC 5869 */
#ifndef YETT_TLS_TICKETS_H
#define YETT_TLS_TICKETS_H

#include <stddef.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/span.h"

enum {
    /* The newest, and those before it whose tickets may still be around: a secret is replaced by hand, or
     * by the controller once a day. */
    TLS_TICKET_SECRETS_MAX = 4,
    /* ingress-nginx takes 48 or 80 bytes; less would be guessable, more adds nothing. */
    TLS_TICKET_SECRET_BYTES_MIN = 48,
    TLS_TICKET_SECRET_BYTES_MAX = 80,
};

struct tls_tickets;

YETT_MUST_USE struct tls_tickets *tls_tickets_new(void);
struct tls_tickets *tls_tickets_free(struct tls_tickets *tickets);

/* Newest first; each of a length within the limits. A session is good for `session_timeout_s`, which a
 * period outlasts. */
void tls_tickets_set(struct tls_tickets *tickets, const struct span *secrets, size_t len,
                     uint32_t session_timeout_s);
/* To be told before handshakes; costs nothing within a period. */
void tls_tickets_set_time(struct tls_tickets *tickets, int64_t now_s);

#endif
