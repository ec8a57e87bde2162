#include "kube/types.h"

#include <assert.h>

#include "base/bug.h"
#include "base/compiler.h"

static const char *const kind_names[] = {
    [KUBE_INGRESS] = "Ingress",     [KUBE_INGRESS_CLASS] = "IngressClass",
    [KUBE_SERVICE] = "Service",     [KUBE_ENDPOINT_SLICE] = "EndpointSlice",
    [KUBE_SECRET] = "Secret",       [KUBE_CONFIG_MAP] = "ConfigMap",
    [KUBE_NAMESPACE] = "Namespace",
};

const char *kube_kind_name(enum kube_kind kind)
{
    static_assert(ARRAY_LEN(kind_names) == KUBE_KINDS_LEN, "a name for each kind");
    invariant((size_t)kind < ARRAY_LEN(kind_names));
    return kind_names[kind];
}

const struct kube_text *kube_pairs_find(const struct kube_pairs *pairs, struct span key)
{
    for (size_t i = 0; i < pairs->len; i++) {
        if (span_eq(pairs->items[i].key.text, key))
            return &pairs->items[i].value;
    }
    return NULL;
}
