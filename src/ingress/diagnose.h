/* ingress/diagnose.h
 *
 * Purpose    What ingress_compile() reports, a few Ingresses at a time. Between two steps the store and the
 *            model may change, so nothing waits for more than a step.
 * Ownership  Keeps names, and nothing of the store or the model.
 * Lifetime   ingress_diagnosis_new() … ingress_diagnosis_free().
 * Limits     A step takes INGRESS_DIAGNOSE_STEP Ingresses, and whoever shares a host with one of them.
 * Roles      control. Pure. */
#ifndef YETT_INGRESS_DIAGNOSE_H
#define YETT_INGRESS_DIAGNOSE_H

#include "ingress/compile.h"

enum { INGRESS_DIAGNOSE_STEP = 32 };

struct ingress_diagnosis;

/* Begins with all Ingresses that the store has now, and reports what concerns none of them: classes, the
 * ConfigMap, the objects that flags name. */
YETT_MUST_USE struct ingress_diagnosis *ingress_diagnosis_new(const struct kube_store *store,
                                                              const struct ingress_options *options,
                                                              struct diag_list *diags);
struct ingress_diagnosis *ingress_diagnosis_free(struct ingress_diagnosis *diagnosis);

/* Reports what is wrong with the next few, as they are now. `model` is what is made of the store. False: none
 * were left, and all has been reported. */
YETT_MUST_USE bool ingress_diagnosis_step(struct ingress_diagnosis *diagnosis,
                                          const struct kube_store *store,
                                          const struct ingress_options *options,
                                          const struct route_model *model, struct diag_list *diags);

#endif
