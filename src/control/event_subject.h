/* control/event_subject.h
 *
 * Purpose    Whom to tell: the object that a diagnostic's Event is put on. What is wrong with a Secret, a
 *            Service or a slice is told at an Ingress of ours that needs it, where its author looks.
 * Ownership  A subject borrows from the store and the diagnostic.
 * Roles      controller. */
#ifndef YETT_CONTROL_EVENT_SUBJECT_H
#define YETT_CONTROL_EVENT_SUBJECT_H

#include "control/event.h"
#include "ingress/compile.h"

/* False: there is no such object. */
YETT_MUST_USE bool event_subject_find(const struct kube_store *store,
                                      const struct ingress_options *options,
                                      const struct diag *diag, struct event_subject *ret_subject);
YETT_MUST_USE bool event_subject_of_ingress(const struct kube_store *store, struct span namespace,
                                            struct span name, struct event_subject *ret_subject);

#endif
