/* cli/rbac_roles.h
 *
 * Purpose    Roles of Kubernetes' RBAC with their bindings, to be put together and then written as YAML or
 *            JSON for kubectl apply.
 * Ownership  Owns its lists; texts are borrowed until rbac_deinit().
 * Lifetime   rbac_init() … rbac_deinit().
 * Roles      cli.
 * See        https://kubernetes.io/docs/reference/access-authn-authz/rbac/ */
#ifndef YETT_CLI_RBAC_ROLES_H
#define YETT_CLI_RBAC_ROLES_H

#include "base/buf.h"
#include "base/vec.h"

struct rbac_rule {
    const char *group, *resource;
    const char *const *verbs; /* ends with NULL */
    VEC(struct span) names;   /* none: all */
};

struct rbac_role {
    struct span namespace; /* empty: a ClusterRole */
    VEC(struct rbac_rule) rules;
};

struct rbac {
    struct span name;               /* of each role and binding */
    struct span component;          /* a label, by which kubectl apply --prune finds them */
    struct span namespace, account; /* the ServiceAccount that they are bound to */
    VEC(struct rbac_role) roles;
};

extern const char *const rbac_list_watch[], *const rbac_get_list_watch[];

void rbac_init(struct rbac *rbac);
void rbac_deinit(struct rbac *rbac);

/* The role of that namespace, made where there is none; borrowed until the next one is made. */
struct rbac_role *rbac_role_get(struct rbac *rbac, struct span namespace);
/* Adds a rule, to which names may be added; borrowed until the next one is added. */
struct rbac_rule *rbac_rule_add(struct rbac_role *role, const char *group, const char *resource,
                                const char *const *verbs);
/* One name more in the rule of the same group, resource and verbs that has names; made where there is none. */
void rbac_name_add(struct rbac_role *role, const char *group, const char *resource,
                   const char *const *verbs, struct span name);

void rbac_write_yaml(const struct rbac *rbac, struct buf *out);
/* One List. */
void rbac_write_json(const struct rbac *rbac, struct buf *out);

#endif
