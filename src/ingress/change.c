#include "ingress/change.h"

/* An Ingress that is gone cannot be asked for its hosts any more: so they are noted as it goes. */

void ingress_change_init(struct ingress_change *change)
{
    *change = (struct ingress_change){ 0 };
    arena_init(&change->texts, 1024);
}

void ingress_change_deinit(struct ingress_change *change)
{
    vec_deinit(&change->objects);
    vec_deinit(&change->hosts);
    arena_deinit(&change->texts);
}

static void touched_add(struct ingress_change *change, enum kube_kind kind, struct span namespace,
                        struct span name)
{
    if (change->objects.len >= INGRESS_CHANGE_MAX) {
        change->is_whole = true;
        return;
    }
    struct ingress_touched touched = { kind, arena_dup(&change->texts, namespace),
                                       arena_dup(&change->texts, name) };
    vec_push(&change->objects, touched);
}

static void host_add(struct ingress_change *change, struct span host)
{
    if (!change->is_whole)
        vec_push(&change->hosts, arena_dup(&change->texts, host));
}

static void hosts_add(struct ingress_change *change, const struct kube_ingress *ingress)
{
    for (size_t i = 0; i < ingress->rules_len; i++)
        host_add(change, ingress->rules[i].host.text);
    if (ingress->rules_len == 0 && ingress->default_backend.kind != KUBE_BACKEND_NONE)
        host_add(change, SPAN_EMPTY);
}

void ingress_change_add(struct ingress_change *change, const struct kube_object *object)
{
    bool is_slice = object->kind == KUBE_ENDPOINT_SLICE;

    touched_add(change, object->kind, object->namespace,
                is_slice ? object->endpoint_slice.service_name.text : object->name);
    if (object->kind == KUBE_INGRESS)
        hosts_add(change, &object->ingress);
}

void ingress_change_merge(struct ingress_change *change, const struct ingress_change *from)
{
    change->is_whole |= from->is_whole;
    vec_for_each (touched, &from->objects)
        touched_add(change, touched->kind, touched->namespace, touched->name);
    vec_for_each (host, &from->hosts)
        host_add(change, *host);
}
