/* tls/policy.h
 *
 * Purpose    What both roles negotiate: versions, ciphers, groups, ALPN, resumption; and the judge of the
 *            texts in which people write it down.
 * Ownership  A policy borrows its texts; contexts copy what they need.
 * Lifetime   A plain value; a zeroed one is the built-in policy.
 * Limits     TLS_POLICY_TEXT_MAX bytes of a list; a longer one is not valid.
 * See        RFC 8446, RFC 5246, RFC 7301; openssl-ciphers(1) */
#ifndef YETT_TLS_POLICY_H
#define YETT_TLS_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* OpenSSL knows less than a hundred suites, of 30 bytes each. */
enum { TLS_POLICY_TEXT_MAX = 4096 };

enum tls_version { TLS_VERSION_1_2 = 1 << 0, TLS_VERSION_1_3 = 1 << 1 };

struct tls_policy {
    uint32_t versions;   /* a set of enum tls_version; 0: both */
    struct span ciphers; /* up to TLS 1.2, as OpenSSL lists them; empty: the built-in list. TLS 1.3
                          * has suites of its own, all of them good: OpenSSL's default, as in nginx */
    struct span groups;  /* "X25519:P-256"; empty or "auto": OpenSSL's */
    struct span dh_pem;  /* DH parameters; empty: DHE suites are left out */
    bool prefer_client_ciphers;
    bool http2;                 /* ALPN; see context.h and client.h for what a role makes of it */
    bool resumption;            /* server: by tickets (tickets.h) */
    uint32_t session_timeout_s; /* 0: 600, as ingress-nginx has it */
};

/* At least one suite, group, or the parameters, that OpenSSL can use. */
bool tls_ciphers_are_valid(struct span list);
bool tls_groups_are_valid(struct span list);
bool tls_dh_is_valid(struct span pem);

#endif
