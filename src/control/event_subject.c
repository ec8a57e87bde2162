#include "control/event_subject.h"

#include "base/scope.h"
#include "control/ours.h"
#include "ingress/secrets.h"

static const char *api_version(enum kube_kind kind)
{
    switch (kind) {
    case KUBE_INGRESS:
    case KUBE_INGRESS_CLASS:
        return "networking.k8s.io/v1";
    case KUBE_ENDPOINT_SLICE:
        return "discovery.k8s.io/v1";
    case KUBE_SERVICE:
    case KUBE_SECRET:
    case KUBE_CONFIG_MAP:
    case KUBE_NAMESPACE:
    case KUBE_KINDS_LEN:
        return "v1";
    }
    return "v1";
}

static struct event_subject subject_of(const struct kube_object *object)
{
    return (struct event_subject){
        .kind = span_from_str(kube_kind_name(object->kind)),
        .namespace = object->namespace,
        .name = object->name,
        .api_version = span_from_str(api_version(object->kind)),
        .uid = object->uid,
        .resource_version = object->resource_version,
    };
}

static const struct kube_object *object_find(const struct kube_store *store,
                                             const struct diag *diag)
{
    for (size_t kind = 0; kind < KUBE_KINDS_LEN; kind++) {
        if (span_eq(diag->kind, span_from_str(kube_kind_name((enum kube_kind)kind))))
            return kube_store_find(store, (enum kube_kind)kind, diag->namespace, diag->name);
    }
    return NULL;
}

/* ---- the Ingress that needs it ----------------------------------------------------------------
 */

static bool backend_needs(const struct kube_backend *backend, struct span service)
{
    return backend->kind == KUBE_BACKEND_SERVICE && span_eq(backend->service.text, service);
}

static bool needs_service(const struct kube_ingress *ingress, struct span service)
{
    if (backend_needs(&ingress->default_backend, service))
        return true;
    for (size_t i = 0; i < ingress->rules_len; i++) {
        for (size_t k = 0; k < ingress->rules[i].paths_len; k++) {
            if (backend_needs(&ingress->rules[i].paths[k].backend, service))
                return true;
        }
    }
    return false;
}

struct sought {
    struct span secret;
    bool is_found;
};

static void sought_look(void *ctx, struct span namespace, struct span name)
{
    struct sought *sought = ctx;

    (void)namespace; /* the Ingress' own: no other is asked for */
    sought->is_found |= span_eq(name, sought->secret);
}

static bool needs_secret(const struct kube_object *ingress, const struct ingress_options *options,
                         struct span secret)
{
    struct sought sought = { .secret = secret };

    ingress_secrets_of(ingress, options, false, sought_look, &sought);
    return sought.is_found;
}

static bool needs(const struct kube_object *ingress, const struct ingress_options *options,
                  const struct kube_object *object)
{
    if (!span_eq(ingress->namespace, object->namespace))
        return false;
    if (object->kind == KUBE_SECRET)
        return needs_secret(ingress, options, object->name);
    return needs_service(&ingress->ingress, object->kind == KUBE_SERVICE
                                                ? object->name
                                                : object->endpoint_slice.service_name.text);
}

/* The first by name of several, so that it is the same one each time. NULL: none. */
static const struct kube_object *needing_find(const struct kube_store *store,
                                              const struct ingress_options *options,
                                              const struct kube_object *object)
{
    SCOPED(ours_deinit) struct ours ours;
    const struct kube_object *ingress, *chosen = NULL;

    ours_init(&ours, store, options);
    for (size_t cursor = 0; (ingress = kube_store_next(store, KUBE_INGRESS, &cursor));) {
        bool is_before = !chosen || span_cmp(ingress->name, chosen->name) < 0;
        if (is_before && needs(ingress, options, object) && ours_has(&ours, ingress))
            chosen = ingress;
    }
    return chosen;
}

bool event_subject_find(const struct kube_store *store, const struct ingress_options *options,
                        const struct diag *diag, struct event_subject *ret_subject)
{
    const struct kube_object *object = object_find(store, diag), *needing = NULL;

    if (!object)
        return false;
    if (object->kind == KUBE_SECRET || object->kind == KUBE_SERVICE ||
        object->kind == KUBE_ENDPOINT_SLICE)
        needing = needing_find(store, options, object);
    *ret_subject = subject_of(needing ? needing : object);
    return true;
}

bool event_subject_of_ingress(const struct kube_store *store, struct span namespace,
                              struct span name, struct event_subject *ret_subject)
{
    const struct kube_object *ingress = kube_store_find(store, KUBE_INGRESS, namespace, name);

    if (ingress)
        *ret_subject = subject_of(ingress);
    return ingress != NULL;
}
