#include "ingress/service.h"

#include <stdlib.h>

#include "base/num.h"
#include "ingress/names.h"

/* Which endpoints: of the slices' ports that bear the name of the Service's port (as kube-proxy
 * does), the addresses that are ready; where none is, those that are terminating but still serve.
 *
 * A dual-stack Service has each Pod twice, once per family, and using both would give those with two
 * families two turns. So one family is used: that of the Service's clusterIP, else IPv4; the other only
 * where the first has nobody. */

enum family { FAMILY_V4, FAMILY_V6, FAMILIES_LEN };
enum readiness { READY, STILL_SERVING, READINESS_LEN };

struct candidates {
    VEC(struct route_endpoint) of[READINESS_LEN][FAMILIES_LEN];
    size_t slices_with_port;
};

static void candidates_deinit(struct candidates *candidates)
{
    for (size_t r = 0; r < READINESS_LEN; r++) {
        for (size_t f = 0; f < FAMILIES_LEN; f++)
            vec_deinit(&candidates->of[r][f]);
    }
}

static enum kube_protocol protocol_of(const struct route_service *service)
{
    return service->transport == ROUTE_TRANSPORT_UDP ? KUBE_UDP : KUBE_TCP;
}

/* The port by its number or name; failing that, as ingress-nginx allows, by that of its target. */
static const struct kube_service_port *port_find(const struct kube_service *service,
                                                 const struct route_service *named,
                                                 bool *ret_by_target)
{
    struct span text = named->port;
    uint16_t number = 0;
    bool is_number = num_parse_port(text, &number);

    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < service->ports_len; i++) {
            const struct kube_service_port *port = &service->ports[i];
            uint16_t its_number = pass == 0 ? port->port : port->target_number;
            struct span its_name = pass == 0 ? port->name.text : port->target_name.text;

            if (port->protocol != protocol_of(named))
                continue;
            if (is_number ? its_number == number : span_eq(its_name, text)) {
                *ret_by_target = pass == 1;
                return port;
            }
        }
    }
    return NULL;
}

/* https://kubernetes.io/docs/concepts/services-networking/service/#application-protocol; what is not known
 * says nothing. */
static enum route_protocol protocol_named(struct span name)
{
    static const struct {
        struct span name;
        enum route_protocol protocol;
    } names[] = {
        { { "kubernetes.io/h2c", 17 }, ROUTE_PROTOCOL_H2C },
        { { "kubernetes.io/ws", 16 }, ROUTE_PROTOCOL_HTTP },
        { { "kubernetes.io/wss", 17 }, ROUTE_PROTOCOL_HTTPS },
        { { "grpc", 4 }, ROUTE_PROTOCOL_H2C },
        { { "https", 5 }, ROUTE_PROTOCOL_HTTPS },
    };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_eq_nocase(name, names[i].name))
            return names[i].protocol;
    }
    return ROUTE_PROTOCOL_HTTP;
}

static void endpoint_add(struct candidates *candidates, const struct kube_endpoint *endpoint,
                         enum family family, uint16_t port)
{
    struct route_endpoint found = { .kind = ROUTE_ENDPOINT_IP, .port = port };
    enum readiness readiness = endpoint->ready ? READY : STILL_SERVING;

    if (!endpoint->ready && !(endpoint->serving && endpoint->terminating))
        return;
    if (endpoint->addresses_len == 0 || !ip_parse(endpoint->addresses[0].text, &found.ip) ||
        ip_is_v4(&found.ip) != (family == FAMILY_V4))
        return;
    found.id = route_endpoint_id(&found);
    vec_push(&candidates->of[readiness][family], found);
}

static void slice_collect(struct candidates *candidates, const struct kube_endpoint_slice *slice,
                          const struct kube_service_port *port)
{
    enum family family = slice->address_type == KUBE_ADDRESS_IPV4 ? FAMILY_V4 : FAMILY_V6;

    for (size_t i = 0; i < slice->ports_len; i++) {
        const struct kube_slice_port *its = &slice->ports[i];
        uint16_t number =
            its->port ? its->port : (port->target_number ? port->target_number : port->port);

        if (its->protocol != port->protocol || !span_eq(its->name.text, port->name.text))
            continue;
        candidates->slices_with_port++;
        for (size_t j = 0; j < slice->endpoints_len && slice->address_type != KUBE_ADDRESS_FQDN;
             j++)
            endpoint_add(candidates, &slice->endpoints[j], family, number);
    }
}

static enum family family_preferred(const struct kube_service *service)
{
    struct ip_addr addr;

    if (ip_parse(service->cluster_ip.text, &addr) && !ip_is_v4(&addr))
        return FAMILY_V6;
    return FAMILY_V4;
}

static int endpoint_order(const void *a, const void *b)
{
    const struct route_endpoint *left = a, *right = b;
    int r = memcmp(left->ip.bytes, right->ip.bytes, sizeof(left->ip.bytes));

    return r ? r : (int)left->port - (int)right->port;
}

/* Sorted and each once, so that neither the order nor the number of slices matters. */
static size_t endpoints_sort(struct route_endpoint *items, size_t len)
{
    size_t kept = 0;

    if (len < 2)
        return len;
    qsort(items, len, sizeof(*items), endpoint_order);
    for (size_t i = 0; i < len; i++) {
        if (kept == 0 || endpoint_order(&items[kept - 1], &items[i]) != 0)
            items[kept++] = items[i];
    }
    return kept;
}

static int candidates_choose(struct candidates *candidates, enum family preferred,
                             struct arena *arena, struct service_endpoints *endpoints)
{
    for (size_t r = 0; r < READINESS_LEN; r++) {
        for (size_t f = 0; f < FAMILIES_LEN; f++) {
            __typeof__(&candidates->of[0][0]) chosen =
                &candidates->of[r][f == 0 ? preferred : FAMILIES_LEN - 1 - preferred];
            if (chosen->len == 0)
                continue;
            endpoints->len = endpoints_sort(chosen->items, chosen->len);
            endpoints->items = arena_new_array(arena, struct route_endpoint, endpoints->len);
            memcpy(endpoints->items, chosen->items, endpoints->len * sizeof(*endpoints->items));
            return SERVICE_OK;
        }
    }
    return candidates->slices_with_port ? SERVICE_NONE_READY : SERVICE_NO_SLICE_PORT;
}

static int slices_resolve(const struct kube_store *store, const struct kube_service_port *port,
                          struct arena *arena, struct service_endpoints *endpoints)
{
    const struct kube_object *service = endpoints->object;
    struct kube_slice_list slices = kube_store_slices(store, service->namespace, service->name);
    struct candidates candidates = { 0 };

    if (slices.len == 0)
        return SERVICE_NO_SLICES;
    for (size_t i = 0; i < slices.len; i++)
        slice_collect(&candidates, &slices.items[i]->endpoint_slice, port);
    int r = candidates_choose(&candidates, family_preferred(&service->service), arena, endpoints);
    candidates_deinit(&candidates);
    return r;
}

/* A name that the worker may ask the DNS for. What leads back to the gate's own Pod is refused, and an
 * address literal would not resolve in ingress-nginx either. */
static bool external_name_parse(struct span text, struct arena *arena, struct span *ret_name)
{
    if (span_ends_with(text, SPAN(".")))
        text.len--;
    if (ingress_host_parse(text, arena, ret_name) != HOST_OK || ret_name->ptr[0] == '*')
        return false;
    return !span_eq(*ret_name, SPAN("localhost")) && !span_ends_with(*ret_name, SPAN(".localhost"));
}

/* Its ports need not list the one that is named by number: the name leads elsewhere. */
static int external_resolve(const struct route_service *named, struct arena *arena,
                            struct service_endpoints *endpoints)
{
    const struct kube_service *service = &endpoints->object->service;
    struct route_endpoint found = { .kind = ROUTE_ENDPOINT_DNS };
    bool by_target_port = false;
    const struct kube_service_port *port = port_find(service, named, &by_target_port);

    if (port)
        endpoints->protocol = protocol_named(port->app_protocol.text);
    if (!num_parse_port(named->port, &found.port)) {
        if (!port)
            return SERVICE_PORT_MISSING;
        endpoints->by_target_port = by_target_port;
        found.port = port->port;
    }
    if (!external_name_parse(service->external_name.text, arena, &found.dns_name))
        return SERVICE_EXTERNAL_NAME_INVALID;
    found.id = route_endpoint_id(&found);
    endpoints->items = arena_new(arena, struct route_endpoint);
    endpoints->items[0] = found;
    endpoints->len = 1;
    return SERVICE_OK;
}

int ingress_service_resolve(const struct kube_store *store, const struct route_service *service,
                            struct arena *arena, struct service_endpoints *ret_endpoints)
{
    *ret_endpoints = (struct service_endpoints){ .protocol = ROUTE_PROTOCOL_HTTP };
    ret_endpoints->object = kube_store_find(store, KUBE_SERVICE, service->namespace, service->name);
    if (!ret_endpoints->object)
        return SERVICE_MISSING;

    const struct kube_service *object = &ret_endpoints->object->service;
    if (object->type == KUBE_SERVICE_EXTERNAL_NAME)
        return external_resolve(service, arena, ret_endpoints);

    const struct kube_service_port *found =
        port_find(object, service, &ret_endpoints->by_target_port);
    if (!found)
        return SERVICE_PORT_MISSING;
    ret_endpoints->protocol = protocol_named(found->app_protocol.text);
    return slices_resolve(store, found, arena, ret_endpoints);
}
