/* cli/rbac_flags.h
 *
 * Purpose    The flags of `yett rbac`, which its parts share: what is asked for, and those of `yett run` on
 *            which rights depend.
 * Ownership  Texts are the command line's.
 * Roles      cli. */
#ifndef YETT_CLI_RBAC_FLAGS_H
#define YETT_CLI_RBAC_FLAGS_H

#include "cli/meaning.h"
#include "cli/rbac_roles.h"
#include "kube/store.h"

struct rbac_flags {
    bool base;
    struct span manifests, admin;
    struct span kubeconfig, kubeconfig_context;
    struct ingress_object_name account;
    struct span name;
    uint32_t output;
    struct meaning_flags meaning;
    /* of `run` */
    struct span namespace_selector, election_id, publish_status_address;
    struct ingress_object_name publish_service;
    uint32_t watch_secrets;
    bool disable_leader_election, update_status, update_status_on_shutdown;
};

/* rbac_base.c: all that `yett run` with these flags needs, but for the Secrets of Ingresses. */
void rbac_base(const struct rbac_flags *flags, struct rbac *rbac);

/* rbac_cluster.c: Ingresses, IngressClasses and, where a selector says which count, Namespaces as the API
 * server has them now, all kept in `ret_bundles`. False: the reason has been printed. */
struct rbac_cluster {
    struct kube_store store;
    VEC(struct kube_bundle *) bundles;
};
YETT_MUST_USE bool rbac_cluster_read(const struct rbac_flags *flags, struct rbac_cluster *cluster);
void rbac_cluster_deinit(struct rbac_cluster *cluster);

/* rbac_secrets.c: the Secrets that are mentioned, each once, in order → a Role for each namespace. */
struct rbac_secret {
    struct span namespace, name;
};
struct rbac_secrets {
    struct arena texts;
    VEC(struct rbac_secret) items;
};
void rbac_secrets_init(struct rbac_secrets *secrets);
void rbac_secrets_deinit(struct rbac_secrets *secrets);
/* Copies. */
void rbac_secrets_add(void *secrets, struct span namespace, struct span name);
/* The answer of /api/v1/secrets. False: it is none; *ret_what says why. */
YETT_MUST_USE bool rbac_secrets_read_json(struct rbac_secrets *secrets, struct span json,
                                          const char **ret_what);
void rbac_secrets_roles(struct rbac_secrets *secrets, struct rbac *rbac);

#endif
