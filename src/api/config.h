/* api/config.h
 *
 * Purpose    Where the API server is, and who we are to it: a kubeconfig, a Pod's ServiceAccount, or
 *            an address given by hand. What can change while we run (token files, certificates on disk,
 *            what an exec plugin says) is kept as where to read it, and read by api/credentials.c.
 * Ownership  The config owns all that it holds.
 * Lifetime   api_config_load_…() … api_config_free().
 * Errors     API_CONFIG_BAD with one sentence that names file, field and mend in `error`.
 * See        https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
#ifndef YETT_API_CONFIG_H
#define YETT_API_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

struct api_exec_env {
    struct span name, value;
};

/* client.authentication.k8s.io ExecConfig; `command` empty: none. */
struct api_exec {
    struct span command, api_version;
    VEC(struct span) args;
    VEC(struct api_exec_env) env;
    bool provides_cluster_info;
};

struct api_config {
    struct arena arena;
    struct span server; /* "https://10.0.0.1:6443", without a slash at its end */
    struct span tls_server_name, proxy_url;
    struct span ca_file, ca_pem; /* both empty: the system's */
    bool insecure_skip_tls_verify;
    struct span client_certificate_file, client_key_file; /* read again when they change */
    struct span client_certificate_pem, client_key_pem;
    struct span token, token_file; /* the file wins, and is read again when it changes */
    struct span username, password;
    struct api_exec exec;
    struct span namespace; /* of the context or of the Pod; empty: not known */
};

enum api_config_result { API_CONFIG_OK = 0, API_CONFIG_BAD, API_CONFIG_ABSENT };

/* KUBECONFIG's form; `path` may be a list with colons, of which the first that says a thing wins.
 * `context` empty: the current one. Paths in it are relative to the file that names them. */
YETT_MUST_USE int api_config_load_kubeconfig(struct span path, struct span context,
                                             struct api_config **ret_config, struct buf *error);

/* KUBERNETES_SERVICE_HOST and _PORT, and /var/run/secrets/kubernetes.io/serviceaccount/{token,ca.crt,
 * namespace}. API_CONFIG_ABSENT: we are in no Pod. */
YETT_MUST_USE int api_config_load_in_cluster(struct api_config **ret_config, struct buf *error);

/* --apiserver-host, with --certificate-authority or none, over the credentials of a Pod where there
 * are some. */
YETT_MUST_USE int api_config_load_host(struct span url, struct span ca_file,
                                       struct api_config **ret_config, struct buf *error);

struct api_config *api_config_free(struct api_config *config);

#endif
