#include "proxy/upstream/choose.h"

#include "proxy/worker.h"
#include "route/model.h"

static bool was_tried(const struct choice *choice, const struct image_endpoint *endpoint)
{
    for (size_t i = 0; i < choice->tried_len; i++) {
        const struct access_try *tried = &choice->tried[i];
        if (tried->port == endpoint->port &&
            memcmp(tried->ip.bytes, endpoint->ip, sizeof(tried->ip.bytes)) == 0)
            return true;
    }
    return false;
}

static const struct image_endpoint *turn_take(struct worker *worker, const struct choice *choice)
{
    return balancer_pick(&worker->balancer, choice->service, &choice->endpoints, &worker->random);
}

/* Others move the turn too, so all are looked at before one is asked again. */
static const struct image_endpoint *candidate_find(struct worker *worker,
                                                   const struct choice *choice)
{
    const struct image_endpoint *chosen, *untried = NULL;

    for (uint32_t left = choice->endpoints.len; left > 0; left--) {
        chosen = turn_take(worker, choice);
        if (was_tried(choice, chosen))
            continue;
        if (!endpoint_is_avoided(&worker->endpoints, chosen->id))
            return chosen;
        untried = chosen;
    }
    return untried ? untried : turn_take(worker, choice);
}

int endpoint_choose(struct worker *worker, const struct choice *choice,
                    struct resolver_query *query, struct endpoint **ret_endpoint)
{
    const struct image_endpoint *chosen = candidate_find(worker, choice);
    struct ip_addr ip;

    memcpy(ip.bytes, chosen->ip, sizeof(ip.bytes));
    if (chosen->kind == ROUTE_ENDPOINT_IP) {
        *ret_endpoint = endpoint_get(&worker->endpoints, chosen->id, &ip, chosen->port);
        (*ret_endpoint)->is_resolved = false;
        return RESOLVER_OK;
    }
    struct span name = image_text(choice->endpoints.segment, chosen->dns_name);
    int r = resolver_find(worker->resolver, name, query, &ip);
    if (r != RESOLVER_OK)
        return r;
    struct route_endpoint resolved = { .kind = ROUTE_ENDPOINT_IP, .ip = ip, .port = chosen->port };
    *ret_endpoint =
        endpoint_get(&worker->endpoints, route_endpoint_id(&resolved), &ip, chosen->port);
    (*ret_endpoint)->is_resolved = true;
    return RESOLVER_OK;
}
