#include "ingress/backend.h"

#include "base/num.h"
#include "ingress/suggest.h"

static struct route_origin service_origin(const struct route_service *service,
                                          const struct kube_object *object)
{
    if (!object)
        return (struct route_origin){ 0 };
    return (struct route_origin){
        .kind = SPAN("Service"),
        .namespace = service->namespace,
        .name = service->name,
        .field = SPAN_EMPTY,
        .file = object->file,
        .line = object->pos.line,
        .column = object->pos.column,
    };
}

bool ingress_service_set_facts(struct route_model *model, struct route_service *service,
                               const struct service_endpoints *endpoints)
{
    struct route_origin origin = service_origin(service, endpoints->object);
    const struct route_origin *before = &service->origin;

    if (service->protocol == endpoints->protocol && span_eq(origin.kind, before->kind) &&
        span_eq(origin.file, before->file) && origin.line == before->line &&
        origin.column == before->column)
        return false;
    origin.file = arena_dup(route_service_arena(model, service), origin.file);
    service->origin = origin;
    service->protocol = endpoints->protocol;
    return true;
}

struct route_service *ingress_service_judge(struct compiler *c, struct route_service *service,
                                            int *ret_result)
{
    struct service_endpoints endpoints;

    if (service->index < c->services_before) { /* judged when it was made */
        *ret_result = SERVICE_OK;
        return service;
    }
    size_t number = service->index - c->services_before;
    if (number < c->service_results.len) {
        *ret_result = c->service_results.items[number];
        return service;
    }
    int r = ingress_service_resolve(c->store, service, &c->model->arena, &endpoints);
    ingress_service_set_facts(c->model, service, &endpoints);
    service->endpoints = endpoints.items;
    service->endpoints_len = service->endpoints_cap = endpoints.len;
    vec_push(&c->services, endpoints);
    vec_push(&c->service_results, r);
    *ret_result = r;
    return service;
}

static struct span missing_mend(struct compiler *c, const struct route_service *service)
{
    struct ingress_suggestion near = ingress_suggestion_for(service->name);
    const struct kube_object *object;

    if (c->suggestions_left > 0) {
        c->suggestions_left--;
        for (size_t cursor = 0; (object = kube_store_next(c->store, KUBE_SERVICE, &cursor));) {
            if (span_eq(object->namespace, service->namespace))
                ingress_suggestion_offer(&near, object->name);
        }
    }
    if (span_is_empty(near.best))
        return SPAN("create the Service, or name one that exists in that namespace");
    return arena_printf(&c->scratch, "did you mean '" SPAN_FMT "'?", SPAN_ARG(near.best));
}

static struct span ports_mend(struct compiler *c, const struct kube_service *service)
{
    struct buf list = { 0 };

    for (size_t i = 0; i < service->ports_len && i < 8; i++) {
        const struct kube_service_port *port = &service->ports[i];
        buf_printf(&list, "%s%u", i ? ", " : "", port->port);
        if (!span_is_empty(port->name.text))
            buf_printf(&list, " (" SPAN_FMT ")", SPAN_ARG(port->name.text));
        if (port->protocol == KUBE_UDP)
            buf_append(&list, SPAN(" of UDP"));
    }
    struct span mend =
        service->ports_len == 0
            ? SPAN("the Service has no ports: give it one")
            : arena_printf(&c->scratch, "it has these: " SPAN_FMT, SPAN_ARG(buf_span(&list)));
    buf_deinit(&list);
    return mend;
}

/* FQDN slices and addresses that are none, once per slice. */
static void slices_report(struct compiler *c, const struct route_service *service)
{
    struct kube_slice_list slices = kube_store_slices(c->store, service->namespace, service->name);

    for (size_t i = 0; i < slices.len; i++) {
        const struct kube_object *object = slices.items[i];
        const struct kube_endpoint_slice *slice = &object->endpoint_slice;
        struct ip_addr addr;

        if (!compiler_is_new(
                c, compiler_told_id(KUBE_ENDPOINT_SLICE, object->namespace, object->name), NULL))
            continue;
        if (slice->address_type == KUBE_ADDRESS_FQDN) {
            ingress_report(c->diags, DIAG_WARNING, DIAG_INVALID_VALUE,
                           place_of(object, SPAN("addressType"), object->pos),
                           SPAN("use a Service of type ExternalName"),
                           "endpoints with host names are not used");
            continue;
        }
        for (size_t j = 0; j < slice->endpoints_len; j++) {
            const struct kube_endpoint *endpoint = &slice->endpoints[j];
            if (endpoint->addresses_len == 0 || ip_parse(endpoint->addresses[0].text, &addr))
                continue;
            ingress_report(c->diags, DIAG_ERROR, DIAG_INVALID_VALUE,
                           place_of(object,
                                    arena_printf(&c->scratch, "endpoints[%zu].addresses[0]", j),
                                    endpoint->addresses[0].pos),
                           SPAN("write an IP address"), "'" SPAN_FMT "' is not an IP address",
                           SPAN_ARG(endpoint->addresses[0].text));
        }
    }
}

static void endpoints_report(struct compiler *c, const struct route_service *service,
                             enum service_result result, struct place place,
                             struct span consequence)
{
    static const char *const whys[] = {
        [SERVICE_NO_SLICES] = "no EndpointSlice is labelled with its name",
        [SERVICE_NO_SLICE_PORT] = "none of its EndpointSlices has a port of the same name",
        [SERVICE_NONE_READY] = "none is ready",
    };

    if (result == SERVICE_NO_SLICES && !compiler_expects(c, KUBE_ENDPOINT_SLICE))
        return;
    ingress_report(c->diags, DIAG_WARNING, DIAG_SERVICE_NO_ENDPOINTS, place,
                   SPAN("start Pods that the Service selects, or add EndpointSlices"),
                   "Service " SPAN_FMT " has no endpoints for port " SPAN_FMT ": %s; " SPAN_FMT,
                   SPAN_ARG(service->name), SPAN_ARG(service->port), whys[result],
                   SPAN_ARG(consequence));
}

static void target_port_report(struct compiler *c, const struct route_service *service,
                               struct place place)
{
    const struct service_endpoints *endpoints =
        &c->services.items[service->index - c->services_before];

    if (endpoints->by_target_port)
        ingress_report(c->diags, DIAG_WARNING, DIAG_SERVICE_PORT_MISSING, place,
                       ports_mend(c, &endpoints->object->service),
                       SPAN_FMT " is a targetPort of Service " SPAN_FMT
                                ", not a port of it; taken all the same",
                       SPAN_ARG(service->port), SPAN_ARG(service->name));
}

void ingress_service_report(struct compiler *c, const struct route_service *service,
                            enum service_result result, bool is_first, struct place place,
                            struct span consequence)
{
    if (service->index < c->services_before)
        return;
    const struct service_endpoints *endpoints =
        &c->services.items[service->index - c->services_before];

    if (is_first)
        target_port_report(c, service, place);
    switch (result) {
    case SERVICE_OK:
        return;
    case SERVICE_MISSING:
        if (compiler_expects(c, KUBE_SERVICE))
            ingress_report(
                c->diags, DIAG_ERROR, DIAG_SERVICE_MISSING, place, missing_mend(c, service),
                "there is no Service " SPAN_FMT "/" SPAN_FMT "; " SPAN_FMT,
                SPAN_ARG(service->namespace), SPAN_ARG(service->name), SPAN_ARG(consequence));
        return;
    case SERVICE_PORT_MISSING:
        ingress_report(c->diags, DIAG_ERROR, DIAG_SERVICE_PORT_MISSING, place,
                       ports_mend(c, &endpoints->object->service),
                       "Service " SPAN_FMT " has no port " SPAN_FMT "; " SPAN_FMT,
                       SPAN_ARG(service->name), SPAN_ARG(service->port), SPAN_ARG(consequence));
        return;
    case SERVICE_EXTERNAL_NAME_INVALID:
        ingress_report(c->diags, DIAG_ERROR, DIAG_EXTERNAL_NAME_INVALID, place,
                       SPAN("name a DNS host other than localhost; for addresses, use "
                            "EndpointSlices"),
                       "the externalName '" SPAN_FMT "' of Service " SPAN_FMT
                       " is not used; " SPAN_FMT,
                       SPAN_ARG(endpoints->object->service.external_name.text),
                       SPAN_ARG(service->name), SPAN_ARG(consequence));
        return;
    case SERVICE_NO_SLICES:
    case SERVICE_NO_SLICE_PORT:
    case SERVICE_NONE_READY:
        if (is_first)
            endpoints_report(c, service, result, place, consequence);
        return;
    }
}

struct route_service *ingress_backend_get(struct compiler *c, const struct kube_object *ingress,
                                          const struct kube_backend *backend, struct span field)
{
    struct place place = place_of(ingress, field, backend->pos);
    char digits[20];
    int result;

    if (backend->kind != KUBE_BACKEND_SERVICE) {
        if (backend->kind == KUBE_BACKEND_RESOURCE)
            ingress_report(c->diags, DIAG_ERROR, DIAG_BACKEND_RESOURCE, place,
                           SPAN("name a Service"),
                           "'" SPAN_FMT "' is no Service; this backend is left out",
                           SPAN_ARG(backend->resource.text));
        return NULL;
    }
    struct span port = kube_text_is_set(&backend->port_name)
                           ? backend->port_name.text
                           : span_of(digits, num_format_u64(digits, backend->port_number));
    struct route_service *service =
        ingress_service_judge(c,
                              route_service_get(c->model, ROUTE_TRANSPORT_TCP, ingress->namespace,
                                                backend->service.text, port),
                              &result);
    bool is_first =
        service->index >= c->services_before && compiler_is_new(c, service->key, ingress);

    if (is_first)
        slices_report(c, service);
    ingress_service_report(c, service, (enum service_result)result, is_first, place,
                           SPAN("requests get 503"));
    return service;
}
