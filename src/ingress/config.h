/* ingress/config.h
 *
 * Purpose    What the ConfigMap says for all routes, its keys as config_keys.h lists them.
 * Ownership  Texts lie in the model's arena.
 * Errors     None: a key of the wrong form keeps its default and is reported.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_CONFIG_H
#define YETT_INGRESS_CONFIG_H

#include "ingress/compile.h"

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
    const struct kube_pair *dh_param;   /* "namespace/name" of a Secret, valid; NULL: none */
};

/* `config_map` may be NULL: all defaults. */
struct ingress_config ingress_config_read(const struct kube_object *config_map, struct arena *arena,
                                          struct ingress_cache *cache, struct diag_list *diags);

/* What must be known before the rest is read. `config_map` may be NULL. */
bool ingress_config_allows_other_namespaces(const struct kube_object *config_map);
struct ingress_object_name ingress_config_dh_param(const struct kube_object *config_map);

#endif
