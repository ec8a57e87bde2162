/* tls/sessions.h
 *
 * Purpose    Sessions that servers gave us, the newest of each peer, to be resumed.
 * Ownership  Holds a reference to each session.
 * Units      Seconds since 1970.
 * Limits     TLS_SESSIONS_MAX peers of a context. Two that fall on one place take turns: a handshake
 *            without a session costs more time, and no more than that.
 * Roles      Inside the room only. */
#ifndef YETT_TLS_SESSIONS_H
#define YETT_TLS_SESSIONS_H

#include "tls/library.h"

/* Endpoints of the Services that one context serves; a session with its certificates takes 3 KB. */
enum { TLS_SESSIONS_MAX = 256 };

struct tls_sessions;

struct tls_sessions *tls_sessions_new(void);
struct tls_sessions *tls_sessions_free(struct tls_sessions *sessions);

/* Takes the reference. `until_s`: when the first of the certificates runs out by which the peer was verified;
 * INT64_MAX: it was not. */
void tls_sessions_keep(struct tls_sessions *sessions, uint64_t peer, SSL_SESSION *session,
                       int64_t until_s);
/* Borrowed; NULL: there is none that is good now. *ret_until_s is set otherwise. */
SSL_SESSION *tls_sessions_find(const struct tls_sessions *sessions, uint64_t peer, int64_t now_s,
                               int64_t *ret_until_s);
/* Fine where there is none. */
void tls_sessions_drop(struct tls_sessions *sessions, uint64_t peer);

#endif
