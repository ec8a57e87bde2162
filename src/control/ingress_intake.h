/* control/ingress_intake.h
 *
 * Purpose    Ingresses on their way from the API server to the store. Which Secrets those of ours refer to is
 *            kept count of; and one whose Secrets are not known yet waits for them, while its former version
 *            goes on, so that no host shows a wrong certificate meanwhile.
 * Ownership  Owns the Ingresses that wait. Borrows store, secrets and options.
 * Lifetime   ingress_intake_init() … ingress_intake_deinit(), before its secrets end.
 * Roles      controller.
 * Limits     None waits longer than SECRET_WATCH_WAIT_MS. */
#ifndef YETT_CONTROL_INGRESS_INTAKE_H
#define YETT_CONTROL_INGRESS_INTAKE_H

#include "control/api_store.h"
#include "control/secret_watch.h"
#include "ingress/compile.h"

struct ingress_intake {
    struct api_store *store;
    struct secret_watch *secrets;
    const struct ingress_options *options;
    struct idmap held; /* api_object_id() → struct kube_object */
    bool is_counting;  /* false: whose Ingresses are ours is not known, or no longer */
    bool may_cross;    /* they may name Secrets of other namespaces than theirs */
};

/* Starts without counting. */
void ingress_intake_init(struct ingress_intake *intake, struct api_store *store,
                         struct secret_watch *secrets, const struct ingress_options *options);
void ingress_intake_deinit(struct ingress_intake *intake);

/* Takes a packed Ingress over: into the store, now or later. While nothing is counted, none waits. */
void ingress_intake_take(struct ingress_intake *intake, struct kube_object *ingress);
/* It is about to leave the store. */
void ingress_intake_drop(struct ingress_intake *intake, struct span namespace, struct span name);
/* Lets those go whose Secrets are known by now. */
void ingress_intake_release(struct ingress_intake *intake);

/* Classes, namespaces or the ConfigMap changed: until the next recount, nothing is counted. */
void ingress_intake_suspend(struct ingress_intake *intake);
/* Counts anew what all Ingresses that are ours refer to. */
void ingress_intake_recount(struct ingress_intake *intake);

size_t ingress_intake_held(const struct ingress_intake *intake);

#endif
