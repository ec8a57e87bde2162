#include "ingress/class.h"

#include "ingress/report.h"

/* An Ingress names its class in the spec or, as was done before there were IngressClasses, in an
 * annotation; where it does both, the spec counts. Where it does neither, the API server would have
 * filled in the default class; manifests have not passed an API server, so that is done here. */

#define LEGACY_CLASS_ANNOTATION SPAN("kubernetes.io/ingress.class")

static bool class_is_ours(const struct ingress_options *options, const struct kube_object *class)
{
    if (options->class_by_name && span_eq(class->name, options->ingress_class))
        return true;
    return span_eq(class->ingress_class.controller.text, options->controller_class);
}

/* The newest of the default classes is the default, as in the API server; the name decides a tie. */
static bool is_preferred(const struct kube_object *class, const struct kube_object *to)
{
    if (!to || class->created_s != to->created_s)
        return !to || class->created_s > to->created_s;
    return span_cmp(class->name, to->name) < 0;
}

static void two_defaults_report(const struct kube_object *other, const struct kube_object *chosen,
                                struct diag_list *diags)
{
    ingress_report(diags, DIAG_WARNING, DIAG_CLASS_TWO_DEFAULTS,
                   place_of(other, SPAN("metadata.annotations"), other->pos),
                   SPAN("keep ingressclass.kubernetes.io/is-default-class on one of them"),
                   "IngressClass " SPAN_FMT " is marked as default too, and is the one that counts",
                   SPAN_ARG(chosen->name));
}

struct ingress_classes ingress_classes_read(const struct kube_store *store,
                                            const struct ingress_options *options,
                                            struct diag_list *diags)
{
    struct ingress_classes classes = { .store = store, .options = options };
    const struct kube_object *chosen = NULL, *class;
    bool concerns_us = options->any_class;

    for (size_t cursor = 0; (class = kube_store_next(store, KUBE_INGRESS_CLASS, &cursor));) {
        if (!class->ingress_class.is_default)
            continue;
        concerns_us |= class_is_ours(options, class);
        if (is_preferred(class, chosen))
            chosen = class;
    }
    if (!chosen || !concerns_us)
        return classes;

    for (size_t cursor = 0; (class = kube_store_next(store, KUBE_INGRESS_CLASS, &cursor));) {
        if (class->ingress_class.is_default && class != chosen)
            two_defaults_report(class, chosen, diags);
    }
    classes.default_is_ours = options->default_class_applies && class_is_ours(options, chosen);
    return classes;
}

static bool name_is_ours(struct ingress_classes *classes, struct span name)
{
    if (classes->last_name.ptr && span_eq(classes->last_name, name))
        return classes->last_is_ours;

    const struct kube_object *class =
        kube_store_find(classes->store, KUBE_INGRESS_CLASS, SPAN_EMPTY, name);
    classes->last_name = name;
    classes->last_is_ours = class && class_is_ours(classes->options, class);
    return classes->last_is_ours;
}

static void both_ways_report(const struct kube_object *ingress, const struct kube_text *legacy,
                             struct diag_list *diags)
{
    ingress_report(
        diags, DIAG_WARNING, DIAG_CLASS_BOTH_WAYS,
        place_of(ingress, SPAN("metadata.annotations[kubernetes.io/ingress.class]"), legacy->pos),
        SPAN("remove the annotation"),
        "the class is named twice; '" SPAN_FMT "' of spec.ingressClassName counts",
        SPAN_ARG(ingress->ingress.class_name.text));
}

/* `check` alone knows whether the author forgot the class; a cluster may hold others' Ingresses. */
static void missing_class_report(const struct ingress_classes *classes,
                                 const struct kube_object *ingress, struct diag_list *diags)
{
    const struct kube_text *name = &ingress->ingress.class_name;

    if (kube_store_len(classes->store, KUBE_INGRESS_CLASS) == 0 ||
        kube_store_find(classes->store, KUBE_INGRESS_CLASS, SPAN_EMPTY, name->text))
        return;
    ingress_report(diags, DIAG_WARNING, DIAG_CLASS_MISSING,
                   place_of(ingress, SPAN("spec.ingressClassName"), name->pos),
                   SPAN("name an IngressClass that exists, or add it"),
                   "there is no IngressClass '" SPAN_FMT "'", SPAN_ARG(name->text));
}

static bool is_ours_by_class(struct ingress_classes *classes, const struct kube_object *ingress,
                             const struct kube_text *legacy)
{
    const struct kube_text *name = &ingress->ingress.class_name;

    if (classes->options->any_class)
        return true;
    if (kube_text_is_set(name))
        return name_is_ours(classes, name->text);
    if (legacy)
        return span_eq(legacy->text, classes->options->ingress_class);
    return classes->options->watch_without_class || classes->default_is_ours;
}

bool ingress_is_ours(struct ingress_classes *classes, const struct kube_object *ingress,
                     struct diag_list *diags)
{
    const struct ingress_options *options = classes->options;
    const struct kube_text *legacy =
        kube_pairs_find(&ingress->annotations, LEGACY_CLASS_ANNOTATION);
    bool is_named = kube_text_is_set(&ingress->ingress.class_name);

    if (options->watch_namespace.len && !span_eq(ingress->namespace, options->watch_namespace))
        return false;
    if (!is_ours_by_class(classes, ingress, legacy))
        return false;
    if (is_named && legacy)
        both_ways_report(ingress, legacy, diags);
    if (is_named && options->any_class)
        missing_class_report(classes, ingress, diags);
    return true;
}

bool ingress_is_forbidden_catch_all(const struct ingress_options *options,
                                    const struct kube_object *ingress)
{
    return options->disable_catch_all && ingress->ingress.default_backend.kind != KUBE_BACKEND_NONE;
}
