#include "ingress/secrets.h"

#include "ingress/class.h"

void ingress_secrets_each(const struct kube_store *store, const struct ingress_options *options,
                          void (*with)(void *ctx, struct span namespace, struct span name),
                          void *ctx)
{
    const struct ingress_object_name *shown = &options->default_certificate;
    const struct kube_object *ingress;
    struct diag_list unheard;

    diag_list_init(&unheard);
    struct ingress_classes classes = ingress_classes_read(store, options, &unheard);
    for (size_t at = 0; (ingress = kube_store_next(store, KUBE_INGRESS, &at));) {
        if (!ingress_is_ours(&classes, ingress, &unheard))
            continue;
        for (size_t i = 0; i < ingress->ingress.tls_len; i++) {
            struct span name = ingress->ingress.tls[i].secret_name.text;
            if (name.len > 0)
                with(ctx, ingress->namespace, name);
        }
    }
    if (shown->name.len > 0)
        with(ctx, shown->namespace, shown->name);
    diag_list_deinit(&unheard);
}
