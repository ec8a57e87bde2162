#include "proxy/upstream/balancer.h"

#include "base/mem.h"
#include "base/vec.h"
#include "proxy/upstream/balance/round_robin.h"
#include "route/model.h"

struct balancer_service {
    uint64_t key;
    uint64_t seen_generation;
    struct round_robin round_robin;
};

void balancer_deinit(struct balancer *balancer)
{
    struct balancer_service *service;
    size_t cursor = 0;

    while ((service = idmap_next(&balancer->services, &cursor)))
        mem_free(service);
    idmap_deinit(&balancer->services);
}

static struct balancer_service *service_get(struct balancer *balancer, uint64_t key,
                                            struct random *random)
{
    struct balancer_service *service = idmap_find(&balancer->services, key);

    if (!service) {
        service = mem_alloc_zero(sizeof(*service));
        service->key = key;
        service->round_robin.next = (uint32_t)random_next(random);
        idmap_put(&balancer->services, key, service);
    }
    return service;
}

const struct image_endpoint *balancer_pick(struct balancer *balancer,
                                           const struct image_service *service,
                                           const struct image_endpoints *endpoints,
                                           struct random *random)
{
    struct balancer_service *state = service_get(balancer, service->key, random);

    switch ((enum route_balance)service->balance) {
    case ROUTE_BALANCE_ROUND_ROBIN:
        break;
    }
    return &endpoints->items[round_robin_pick(&state->round_robin, endpoints->len)];
}

void balancer_sweep(struct balancer *balancer, const struct image_view *view)
{
    struct balancer_service *service;
    VEC(struct balancer_service *) unused = { 0 };
    size_t cursor = 0;

    if (balancer->services.len == 0)
        return;
    image_for_each(i, view, IMAGE_SECTION_SERVICES)
    {
        service = idmap_find(&balancer->services, image_service_get(view, i)->key);
        if (service)
            service->seen_generation = view->generation;
    }
    while ((service = idmap_next(&balancer->services, &cursor))) {
        if (service->seen_generation != view->generation)
            vec_push(&unused, service);
    }
    vec_for_each (it, &unused) {
        idmap_remove(&balancer->services, (*it)->key);
        mem_free(*it);
    }
    vec_deinit(&unused);
}
