/* api/credentials.h
 *
 * Purpose    Credentials kept fresh: of what a config names, the identity that calls go out with now.
 * Ownership  Borrows config and loop; identities are counted references.
 * Lifetime   api_credentials_new() … api_credentials_free(), also while an exec plugin runs.
 * Roles      controller.
 * Limits     CREDENTIALS_FILE_MAX a file; those of api/exec_run.h for a plugin.
 * See        https://kubernetes.io/docs/reference/access-authn-authz/authentication/ */
#ifndef YETT_API_CREDENTIALS_H
#define YETT_API_CREDENTIALS_H

#include "api/config.h"
#include "api/identity.h"
#include "net/loop.h"

enum {
    CREDENTIALS_FILE_MAX = 1 << 20,
    CREDENTIALS_LOOK_MS = 1000,       /* files are looked at so often, if anybody asks */
    CREDENTIALS_READ_MS = 60 * 1000,  /* and read so often even if they look unchanged */
    CREDENTIALS_AGAIN_MS = 5 * 1000,  /* between runs of a plugin that fails or is refused */
    CREDENTIALS_EARLY_MS = 60 * 1000, /* a plugin runs again so long before what it said expires */
};

enum api_credentials_result {
    API_CREDENTIALS_OK = 0,
    API_CREDENTIALS_PENDING, /* an exec plugin is at it: on_ready will tell when to ask again */
    API_CREDENTIALS_BAD,     /* api_credentials_error() says why */
};

struct api_credentials;

struct api_credentials *api_credentials_new(struct loop *loop, const struct api_config *config,
                                            void (*on_ready)(void *ctx), void *ctx);
struct api_credentials *api_credentials_free(struct api_credentials *credentials);

/* On OK the caller owns a reference. What was good stays in use while its file cannot be read. */
YETT_MUST_USE enum api_credentials_result api_credentials_get(struct api_credentials *credentials,
                                                              struct api_identity **ret_identity);

/* The server answered a call that went out with `identity` with 401. Reads everything again, or has the
 * plugin run again. True: another identity is there, or will be. */
bool api_credentials_reject(struct api_credentials *credentials,
                            const struct api_identity *identity);

/* Until the next call; empty: nothing is wrong. */
struct span api_credentials_error(const struct api_credentials *credentials);

#endif
