#include "base/hash.h"
#include "route/model.h"

/* Each part is hashed with the hash so far as its seed, its length included: "a"+"bc" is not
 * "ab"+"c". */
uint64_t route_service_key(enum route_transport transport, struct span namespace, struct span name,
                           struct span port)
{
    uint64_t seed = transport == ROUTE_TRANSPORT_UDP ? 5 : 1;

    return hash_bytes(port, hash_bytes(name, hash_bytes(namespace, seed)));
}

uint64_t route_endpoint_id(const struct route_endpoint *endpoint)
{
    struct span ip = span_of((const char *)endpoint->ip.bytes, sizeof(endpoint->ip.bytes));
    uint64_t port_and_kind = (uint64_t)endpoint->port << 8 | (uint64_t)endpoint->kind;

    if (endpoint->kind == ROUTE_ENDPOINT_DNS)
        return hash_combine(hash_bytes(endpoint->dns_name, 2), port_and_kind);
    return hash_combine(hash_bytes(ip, 2), port_and_kind);
}

uint64_t route_metric_id(const struct route_rule *rule, struct span host,
                         const struct route_service *service)
{
    uint64_t id = hash_bytes(rule->ingress, hash_bytes(rule->namespace, 3));

    id = hash_bytes(rule->path, hash_bytes(host, id));
    return service ? hash_combine(id, service->key) : id;
}
