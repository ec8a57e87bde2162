#include "ingress/secrets.h"

#include "ingress/annotate.h"
#include "ingress/class.h"

static const struct kube_object *config_map_find(const struct kube_store *store,
                                                 const struct ingress_options *options)
{
    const struct ingress_object_name *name = &options->config_map;

    return name->name.len ? kube_store_find(store, KUBE_CONFIG_MAP, name->namespace, name->name)
                          : NULL;
}

bool ingress_secrets_may_cross(const struct kube_store *store,
                               const struct ingress_options *options)
{
    return ingress_config_allows_other_namespaces(config_map_find(store, options));
}

/* Of one Ingress: whom to tell of what it names. */
struct mention {
    const struct kube_object *ingress;
    bool may_cross;
    ingress_secret_fn *with;
    void *ctx;
};

static void mention_annotation(void *ctx, struct span value)
{
    const struct mention *mention = ctx;
    struct ingress_object_name name = ingress_object_name_parse(value);

    if (name.name.len > 0 &&
        (mention->may_cross || span_eq(name.namespace, mention->ingress->namespace)))
        mention->with(mention->ctx, name.namespace, name.name);
}

void ingress_secrets_of(const struct kube_object *ingress, const struct ingress_options *options,
                        bool may_cross, ingress_secret_fn *with, void *ctx)
{
    struct mention mention = { ingress, may_cross, with, ctx };

    for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
        struct span name = ingress->ingress.tls[i].secret_name.text;
        if (name.len > 0)
            with(ctx, ingress->namespace, name);
    }
    ingress_annotations_secrets(ingress, options, mention_annotation, &mention);
}

void ingress_secrets_common(const struct kube_store *store, const struct ingress_options *options,
                            ingress_secret_fn *with, void *ctx)
{
    const struct ingress_object_name dh = ingress_config_dh_param(config_map_find(store, options));
    const struct ingress_object_name *names[] = { &options->default_certificate,
                                                  &options->ticket_keys, &dh };

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i]->name.len > 0)
            with(ctx, names[i]->namespace, names[i]->name);
    }
}

void ingress_secrets_each(const struct kube_store *store, const struct ingress_options *options,
                          ingress_secret_fn *with, void *ctx)
{
    bool may_cross = ingress_secrets_may_cross(store, options);
    const struct kube_object *ingress;
    struct diag_list unheard;

    diag_list_init(&unheard);
    struct ingress_classes classes = ingress_classes_read(store, options, &unheard);
    for (size_t at = 0; (ingress = kube_store_next(store, KUBE_INGRESS, &at));) {
        if (ingress_is_ours(&classes, ingress, &unheard))
            ingress_secrets_of(ingress, options, may_cross, with, ctx);
    }
    ingress_secrets_common(store, options, with, ctx);
    diag_list_deinit(&unheard);
}
