#include "control/source.h"

#define KIND_BIT(kind) (1u << (kind))

void source_change_init(struct source_change *change)
{
    *change = (struct source_change){ 0 };
    arena_init(&change->texts, 1024);
    ingress_change_init(&change->touched);
}

void source_change_deinit(struct source_change *change)
{
    ingress_change_deinit(&change->touched);
    map_deinit(&change->services_by_name);
    vec_deinit(&change->services);
    arena_deinit(&change->texts);
}

bool source_change_is_empty(const struct source_change *change)
{
    return change->kinds == 0 && !change->has_new_diags;
}

bool source_change_is_endpoints_only(const struct source_change *change)
{
    return change->kinds == KIND_BIT(KUBE_ENDPOINT_SLICE) && !change->has_new_diags;
}

void source_change_add_service(struct source_change *change, struct span namespace,
                               struct span service)
{
    struct span key =
        arena_printf(&change->texts, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(namespace), SPAN_ARG(service));

    if (map_find(&change->services_by_name, key))
        return;
    map_put(&change->services_by_name, key, (void *)key.ptr);
    struct source_service named = { span_upto(key, namespace.len),
                                    span_from(key, namespace.len + 1) };
    vec_push(&change->services, named);
}

void source_change_add(struct source_change *change, const struct kube_object *object)
{
    change->kinds |= KIND_BIT(object->kind);
    ingress_change_add(&change->touched, object);
    if (object->kind == KUBE_ENDPOINT_SLICE)
        source_change_add_service(change, object->namespace,
                                  object->endpoint_slice.service_name.text);
}

void source_change_merge(struct source_change *change, const struct source_change *from)
{
    change->kinds |= from->kinds;
    change->has_new_diags |= from->has_new_diags;
    ingress_change_merge(&change->touched, &from->touched);
    vec_for_each (service, &from->services)
        source_change_add_service(change, service->namespace, service->name);
}
