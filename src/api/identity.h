/* api/identity.h
 *
 * Purpose    Who we are to the API server at one moment, and whom we take for it: what a call needs of
 *            credentials, immutable, shared by all calls that went out with it.
 * Ownership  Counted references; libcurl borrows the texts from the reference that its call holds.
 * Lifetime   api_identity_new(), filled by its maker, then only read … the last api_identity_unref(). */
#ifndef YETT_API_IDENTITY_H
#define YETT_API_IDENTITY_H

#include <curl/curl.h>

#include "base/arena.h"

struct api_identity {
    unsigned refs;
    struct arena arena;
    struct span ca_pem;                   /* empty: the system's */
    struct span certificate_pem, key_pem; /* empty: none */
    struct span username, password;
    struct curl_slist *headers; /* nodes in the arena; NULL: none */
};

struct api_identity *api_identity_new(void);
struct api_identity *api_identity_ref(struct api_identity *identity);
/* NULL is fine; returns NULL. */
struct api_identity *api_identity_unref(struct api_identity *identity);

/* Adds "name: value"; copied. */
void api_identity_header_add(struct api_identity *identity, struct span line);
/* True where a call with the one is the same as with the other. */
bool api_identity_eq(const struct api_identity *a, const struct api_identity *b);

#endif
