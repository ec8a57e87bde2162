/* ingress/compile.h
 *
 * Purpose    Meaning: which Ingresses are ours, how they merge, what their annotations and the ConfigMap
 *            say → one route model, and diagnostics about everything that is not as its author hoped.
 * Ownership  The caller frees the model; it borrows nothing from the store.
 * Roles      control, cli. Pure: no system calls, no clock but options->now_s.
 * Errors     None: what is wrong is in `diags`, and harms only itself.
 * See        docs/compatibility.md */
#ifndef YETT_INGRESS_COMPILE_H
#define YETT_INGRESS_COMPILE_H

#include "ingress/change.h"
#include "ingress/names.h"
#include "kube/store.h"
#include "route/model.h"

struct ingress_cache;

enum { INGRESS_OWN_PORTS_MAX = 4 }; /* HTTP, HTTPS, health, webhook */

struct ingress_options {
    struct span
        ingress_class; /* "yett": the legacy annotation's value, and the class name by name */
    struct span controller_class; /* "yett.dev/ingress-controller" */
    bool class_by_name;           /* --ingress-class-by-name */
    bool watch_without_class;     /* --watch-ingress-without-class */
    bool
        default_class_applies; /* manifests: an Ingress without class is the default IngressClass' */
    bool any_class;            /* `check`: judge every Ingress as if it were ours */
    bool disable_catch_all;
    struct span watch_namespace;    /* empty: all */
    struct span annotations_prefix; /* "nginx.ingress.kubernetes.io" */
    struct ingress_object_name config_map, default_certificate, default_backend;
    struct ingress_object_name tcp_services, udp_services; /* ConfigMaps */
    struct ingress_object_name ticket_keys;                /* Secret: keys of session tickets */
    uint16_t own_tcp_ports[INGRESS_OWN_PORTS_MAX]; /* the gate listens there already; 0: none */
    bool allows_passthrough;                       /* --enable-ssl-passthrough */
    /* The pair shown where no other fits; PEM, borrowed. Empty: none. */
    struct span fallback_chain_pem, fallback_key_pem;
    /* Keys of session tickets where no object gives any, newest first; borrowed. */
    const struct route_ticket_key *made_ticket_keys;
    size_t made_ticket_keys_len;
    int64_t now_s;               /* Unix time, for the expiry of certificates */
    struct ingress_cache *cache; /* ingress/cache.h: what the compile before learned; NULL: none */
};

struct ingress_options ingress_options_default(void);

YETT_MUST_USE struct route_model *ingress_compile(const struct kube_store *store,
                                                  const struct ingress_options *options,
                                                  struct diag_list *diags);

/* Brings `model`, compiled from the store as it was before `change`, up to date, and adds to *changes
 * what an image must write anew: it becomes what ingress_compile() would make, but for the order of its
 * lists, which no image shows. Reports nothing: what is wrong is for the next whole compile to say.
 * False, and nothing done: the change concerns everything, and only a whole compile will do. */
YETT_MUST_USE bool ingress_recompile(const struct kube_store *store,
                                     const struct ingress_options *options,
                                     const struct ingress_change *change, struct route_model *model,
                                     struct route_changes *changes);

/* Takes the endpoints of a Service anew from the store, for every port of it in the model. Calls
 * `on_change` for each route_service whose endpoints are others now. Needs no new ingress_compile(). */
void ingress_endpoints_refresh(const struct kube_store *store,
                               const struct ingress_options *options, struct route_model *model,
                               struct span namespace, struct span name,
                               void (*on_change)(void *ctx, struct route_service *service),
                               void *ctx);

#endif
