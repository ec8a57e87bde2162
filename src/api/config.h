/* api/config.h
 *
 * Purpose    Where the API server is, and who we are to it: a kubeconfig, a Pod's ServiceAccount, or
 *            an address given by hand. What can change while we run (files of tokens and certificates,
 *            what an exec plugin says) is kept as where to read it, and read by api/credentials.c.
 * Ownership  The config owns all that it holds.
 * Lifetime   api_config_load() … api_config_free().
 * Limits     API_CONFIG_BYTES_MAX a file.
 * Errors     API_CONFIG_BAD with one sentence that names file, field and mend in `error`.
 * See        docs/cluster.md,
 *            https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ */
#ifndef YETT_API_CONFIG_H
#define YETT_API_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

enum { API_CONFIG_BYTES_MAX = 4 << 20 };

#define API_POD_DIR "/var/run/secrets/kubernetes.io/serviceaccount"

struct api_exec_env {
    struct span name, value;
};

/* client.authentication.k8s.io ExecConfig; `command` empty: none. */
struct api_exec {
    struct span command, api_version, install_hint;
    VEC(struct span) args;
    VEC(struct api_exec_env) env;
    bool provides_cluster_info;
    struct span
        cluster_config_json; /* what the cluster's extension says to the plugin; may be empty */
};

struct api_config {
    struct arena arena;
    struct span origin; /* in words, for errors: "user 'dev' of /home/me/.kube/config" */
    struct span server; /* "https://10.0.0.1:6443", without a slash at its end */
    struct span tls_server_name, proxy_url;
    struct span ca_file, ca_pem; /* both empty: the system's; the text wins */
    bool insecure_skip_tls_verify;
    struct span client_certificate_file, client_key_file; /* read again when they change */
    struct span client_certificate_pem, client_key_pem;   /* win over the files */
    struct span token, token_file; /* the file wins, and is read again when it changes */
    struct span username, password;
    VEC(struct span) impersonation; /* whole header lines */
    struct api_exec exec;
    struct span namespace; /* of the context or of the Pod; empty: not known */
};

enum api_config_result { API_CONFIG_OK = 0, API_CONFIG_BAD, API_CONFIG_ABSENT };

/* What the command line says; each may be empty. */
struct api_config_choice {
    struct span
        kubeconfig;      /* a file, or several with colons between, of which the first that says a
                               thing wins; paths in one are relative to it */
    struct span context; /* empty: the kubeconfig's current one */
    struct span server;  /* a URL, in place of what the kubeconfig or the Pod says */
    struct span ca_file; /* likewise */
    struct span pod_dir; /* empty: API_POD_DIR */
};

/* The kubeconfig if one is given; else the server that is given, with the ServiceAccount of the Pod
 * where there is one; else all from the Pod: KUBERNETES_SERVICE_HOST and _PORT, and the files token,
 * ca.crt and namespace of its ServiceAccount. API_CONFIG_ABSENT: nothing is given, and this is no Pod. */
YETT_MUST_USE int api_config_load(const struct api_config_choice *choice,
                                  struct api_config **ret_config, struct buf *error);

struct api_config *api_config_free(struct api_config *config);

#endif
