/* ingress/compiler.h
 *
 * Purpose    What the steps of one compile share.
 * Ownership  The model goes to the caller; `scratch` and the rest end with the compile.
 * Roles      The ingress room only. */
#ifndef YETT_INGRESS_COMPILER_H
#define YETT_INGRESS_COMPILER_H

#include "ingress/annotate.h"
#include "ingress/cache.h"
#include "ingress/compile.h"
#include "ingress/report.h"
#include "ingress/service.h"

/* An Ingress that is ours. One that was dropped (annotations.is_dropped) makes no routes, and is there for what it
 * asks of its hosts' clients. */
struct owned {
    const struct kube_object *object;
    struct span namespace, name, file; /* in the model's arena */
    struct ingress_annotations annotations;
    const struct route_policy *policy;
    struct route_host **rule_hosts; /* by spec.rules; NULL: its host is none */
};

/* An Ingress that has a host and any spec.tls. */
struct tls_claim {
    const struct owned *owned;
    struct tls_claim *next;
};

/* What is known about a host of the model while it is compiled. */
struct host_facts {
    const struct owned *creator; /* first in order that has the host and makes routes; NULL: none */
    struct tls_claim *claims, *last_claim; /* in merge order; NULL: no TLS */
    const struct owned *client_auth_by;    /* first in order that speaks of client certificates */
    const struct owned
        *guarded_by; /* first that asks for them and wants TLS terminated; NULL: none */
};

enum {
    FIELD_RULES_MAX = 8,
    FIELD_PATHS_MAX = 16,
    /* Walks over all Services: a cluster full of mistakes must not cost minutes. */
    COMPILER_SUGGESTIONS_MAX = 64,
};

enum redirect_kind { REDIRECT_CUT_SLASH, REDIRECT_KEEP_SLASH, REDIRECTS_LEN };

struct compiler {
    const struct kube_store *store;
    const struct ingress_options *options;
    struct route_model *model;
    struct diag_list *diags;
    struct ingress_cache *cache;
    struct ingress_config config;
    struct arena scratch;
    VEC(struct owned) owned;                /* in merge order */
    VEC(struct host_facts) hosts;           /* by host->index, less hosts_before */
    VEC(struct service_endpoints) services; /* by service->index, less services_before */
    VEC(int) service_results;               /* likewise, enum service_result */
    struct idmap certificates;              /* id → struct route_certificate */
    struct idmap authorities;               /* id → struct route_authorities */
    bool has_loose_secrets; /* some were made that perhaps nothing of the model names in the end */
    /* A compile of some hosts into a model that has the others: their names; else NULL. What the model
     * had before lies in front of what is made now. */
    const struct map *only;
    size_t hosts_before, services_before;
    struct idmap told;         /* by compiler_told_id(): what is wrong for many, and told once */
    const struct idmap *heard; /* by the same: Ingresses that are told; NULL: all are */
    const struct route_policy *policy; /* the ConfigMap's, shared */
    struct route_filter *deny;
    struct route_filter *redirects[REDIRECTS_LEN];
    struct span fields[FIELD_RULES_MAX]
                      [FIELD_PATHS_MAX]; /* texts that nearly all Ingresses share */
    size_t suggestions_left;             /* each costs a walk over all Services */
};

void compiler_init(struct compiler *c);
void compiler_deinit(struct compiler *c);
/* Into merge order. */
void compiler_sort(const struct kube_object **all, size_t len);
/* Judges each Ingress, and keeps those that make routes or guard others'; sorts `all` first. */
void compiler_take(struct compiler *c, const struct kube_object **all, size_t len);
/* Services whose rules all lost to others. */
void compiler_drop_unused(struct compiler *c);

static inline bool compiler_has_host(const struct compiler *c, struct span name)
{
    return !c->only || map_find(c->only, name);
}

static inline struct host_facts *compiler_host_facts(struct compiler *c,
                                                     const struct route_host *host)
{
    return &c->hosts.items[host->index - c->hosts_before];
}

/* The origin of a part of an Ingress; `field` is kept: it lies in the model's arena, or is static. */
struct route_origin compiler_origin(const struct owned *owned, struct span field,
                                    struct kube_pos pos);

/* "spec.rules[i].http.paths[j]", in the model's arena. */
struct span compiler_path_field(struct compiler *c, size_t rule, size_t path);

/* Is an object of this kind expected to be there? Not by `check` over a set that holds none at all. */
static inline bool compiler_expects(const struct compiler *c, enum kube_kind kind)
{
    return !c->options->any_class || kube_store_len(c->store, kind) > 0;
}

/* What stands for an object in compiler_is_new(). */
uint64_t compiler_told_id(enum kube_kind kind, struct span namespace, struct span name);
/* True the first time that it is asked about `id`, for an Ingress (NULL: for none) that is told at all. */
bool compiler_is_new(struct compiler *c, uint64_t id, const struct kube_object *ingress);

#endif
