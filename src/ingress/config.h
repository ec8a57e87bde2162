/* ingress/config.h
 *
 * Purpose    What the ConfigMap says for all routes, its keys as config_keys.h lists them.
 * Ownership  Texts lie in the model's arena.
 * Errors     None: a key of the wrong form keeps its default and is reported.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_CONFIG_H
#define YETT_INGRESS_CONFIG_H

#include "kube/types.h"
#include "route/model.h"

struct ingress_config {
    struct route_settings settings;
    struct route_policy policy;
    bool ssl_redirect, force_ssl_redirect, preserve_trailing_slash;
    bool retry_non_idempotent;
    bool allows_other_namespaces; /* annotations may name Secrets of them */
    uint16_t redirect_status;
    const struct span *no_redirect_paths; /* no-tls-redirect-locations: prefixes of rule paths */
    size_t no_redirect_paths_len;
    struct route_ticket_key ticket_key; /* len 0: none */
};

/* `config_map` may be NULL: all defaults. */
struct ingress_config ingress_config_read(const struct kube_object *config_map, struct arena *arena,
                                          struct diag_list *diags);

#endif
