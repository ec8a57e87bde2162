/* tls/peer.h
 *
 * Purpose    Who the client of a connection is, by the certificate that it showed: the verdict, and the
 *            facts as nginx prints them.
 * Ownership  Texts go into the caller's arena.
 * Roles      proxy.
 * Limits     TLS_PEER_CERTIFICATE_MAX and TLS_PEER_NAME_MAX: what is larger would not fit into a head, and
 *            is bad.
 * See        RFC 5280, RFC 2253; docs/tls.md */
#ifndef YETT_TLS_PEER_H
#define YETT_TLS_PEER_H

#include "base/arena.h"
#include "tls/codec.h"

enum {
    TLS_PEER_CERTIFICATE_MAX = 14336, /* PEM, escaped; one of an organisation takes 2 to 3 KB */
    TLS_PEER_NAME_MAX = 1024,         /* of a distinguished name as text */
};

enum tls_peer_verdict {
    TLS_PEER_NONE, /* none was shown */
    TLS_PEER_VERIFIED,
    TLS_PEER_UNTRUSTED, /* nothing is wrong with it but that no CA of ours vouches for it */
    TLS_PEER_BAD,
    TLS_PEER_STALE, /* the handshake asked for something else: only a new connection can tell */
};

struct tls_peer {
    enum tls_peer_verdict verdict;
    struct span verify;                /* "NONE", "SUCCESS", "FAILED:reason" */
    struct span subject_dn, issuer_dn; /* RFC 2253; empty where none was shown, as all below */
    struct span serial;                /* hexadecimal, in capitals */
    struct span fingerprint;           /* SHA-1 of the whole, hexadecimal: a name for it, no more */
};

/* After the handshake. `context`: by whose authorities the client is judged. Where those changed since the
 * handshake, what was shown then is held against them; STALE where that does not suffice. */
void tls_codec_peer(const struct tls_codec *codec, const struct tls_context *context,
                    struct arena *arena, struct tls_peer *ret_peer);

/* The certificate that was shown, as PEM that is escaped as a component of a URI; of a client that
 * showed one; "" where it is too large. Apart, for it is long, and few ask for it. */
struct span tls_codec_peer_certificate(const struct tls_codec *codec, struct arena *arena);

#endif
