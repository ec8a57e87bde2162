/* ingress/backend.h
 *
 * Purpose    The backend of a rule → a service of the model with its endpoints, and diagnostics.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_BACKEND_H
#define YETT_INGRESS_BACKEND_H

#include "ingress/compiler.h"

/* NULL for a backend that is no Service (reported). `field` names the backend. A Service that is not
 * there gives a service without endpoints (reported too): the route stays, and answers 503. */
struct route_service *ingress_backend_get(struct compiler *c, const struct kube_object *ingress,
                                          const struct kube_backend *backend, struct span field);

/* Takes over where the Service stands and what its port speaks; true where that is news. */
bool ingress_service_set_facts(struct route_model *model, struct route_service *service,
                               const struct service_endpoints *endpoints);

/* Tells of what was judged otherwise than SERVICE_OK, and what follows: "requests get 503". That which passes by itself
 * only where `is_first`. */
void ingress_service_report(struct compiler *c, const struct route_service *service,
                            enum service_result result, bool is_first, struct place place,
                            struct span consequence);

/* Says in *ret_result (enum service_result) what the store has of `service`, which the model has just
 * found or made; asked once. */
struct route_service *ingress_service_judge(struct compiler *c, struct route_service *service,
                                            int *ret_result);

#endif
