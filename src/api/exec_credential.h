/* api/exec_credential.h
 *
 * Purpose    The ExecCredential object: what an exec plugin is told, and what it answers.
 * Ownership  Texts of the answer are copied into the arena.
 * Errors     One sentence without a name in front; the caller says whose plugin it was.
 * See        https://kubernetes.io/docs/reference/config-api/client-authentication.v1/ */
#ifndef YETT_API_EXEC_CREDENTIAL_H
#define YETT_API_EXEC_CREDENTIAL_H

#include <stdint.h>

#include "api/config.h"

struct api_exec_credential {
    struct span token;                    /* may be empty */
    struct span certificate_pem, key_pem; /* both or none */
    int64_t expires_s;                    /* Unix time; INT64_MAX: not said */
};

/* The value of KUBERNETES_EXEC_INFO. `ca_pem`: of the cluster, wherever it was written. */
void api_exec_info_encode(const struct api_config *config, struct span ca_pem, struct buf *out);

/* False: no credential; *error says why. `api_version` is the one that the kubeconfig names. */
YETT_MUST_USE bool api_exec_credential_parse(struct arena *arena, struct span output,
                                             struct span api_version,
                                             struct api_exec_credential *ret_credential,
                                             struct buf *error);

#endif
