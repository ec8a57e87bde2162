/* ingress/service.h
 *
 * Purpose    A Service's port, as a rule names it → the endpoints to be used now.
 * Ownership  Endpoints lie in the arena given.
 * Roles      The ingress room. Pure.
 * See        https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/ */
#ifndef YETT_INGRESS_SERVICE_H
#define YETT_INGRESS_SERVICE_H

#include "kube/store.h"
#include "route/model.h"

enum service_result {
    SERVICE_OK = 0,
    SERVICE_MISSING,
    SERVICE_PORT_MISSING,
    SERVICE_EXTERNAL_NAME_INVALID, /* localhost, an address, no DNS name */
    SERVICE_NO_SLICES,             /* no EndpointSlice bears its name */
    SERVICE_NO_SLICE_PORT,         /* none of them has the port */
    SERVICE_NONE_READY,
};

struct service_endpoints {
    const struct kube_object *object; /* NULL: SERVICE_MISSING */
    struct route_endpoint *items;     /* sorted, each once */
    size_t len;
    enum route_protocol protocol; /* by appProtocol */
    bool by_target_port; /* the rule names the targetPort's number or name, not the port's */
};

/* The port of `service`, by its number or name. Always sets *ret_endpoints; `items` has entries for OK
 * only. */
YETT_MUST_USE int ingress_service_resolve(const struct kube_store *store,
                                          const struct route_service *service, struct arena *arena,
                                          struct service_endpoints *ret_endpoints);

#endif
