/* ingress/merge.h
 *
 * Purpose    The owned Ingresses, in merge order → hosts, paths and rules of the model.
 * Roles      The ingress room.
 * See        docs/compatibility.md, "Several Ingresses for one host" */
#ifndef YETT_INGRESS_MERGE_H
#define YETT_INGRESS_MERGE_H

#include "ingress/compiler.h"

/* c->owned is sorted; fills the model's hosts. */
void ingress_merge(struct compiler *c);

/* The rule of --default-backend-service. */
void ingress_default_rule(struct compiler *c);

#endif
