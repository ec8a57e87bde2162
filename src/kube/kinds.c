#include "kube/kinds.h"

static const char *const spec_known[] = {
    "apiVersion", "kind", "metadata", "spec", "status", NULL
};
static const char *const slice_known[] = { "apiVersion", "kind",  "metadata", "addressType",
                                           "endpoints",  "ports", NULL };
static const char *const secret_known[] = { "apiVersion", "kind",       "metadata",  "type",
                                            "data",       "stringData", "immutable", NULL };
static const char *const config_map_known[] = { "apiVersion", "kind",      "metadata", "data",
                                                "binaryData", "immutable", NULL };

static const struct kube_misfit ingress_misfits[] = {
    { "annotations", DIAG_WARNING, "indent it below metadata" },
    { "rules", DIAG_WARNING, "indent it below spec" },
    { "tls", DIAG_WARNING, "indent it below spec" },
    { NULL },
};

static const struct kube_kind_row rows[] = {
    {
        .name = "Ingress",
        .kind = KUBE_INGRESS,
        .is_namespaced = true,
        .keeps_annotations = true,
        .current_api = "networking.k8s.io/v1",
        .outdated_apis = { "networking.k8s.io/v1beta1", "extensions/v1beta1" },
        .known = spec_known,
        .misfits = ingress_misfits,
        .decode = kube_decode_ingress,
    },
    {
        .name = "IngressClass",
        .kind = KUBE_INGRESS_CLASS,
        .current_api = "networking.k8s.io/v1",
        .outdated_apis = { "networking.k8s.io/v1beta1" },
        .known = spec_known,
        .decode = kube_decode_ingress_class,
    },
    {
        .name = "Service",
        .kind = KUBE_SERVICE,
        .is_namespaced = true,
        .current_api = "v1",
        .known = spec_known,
        .decode = kube_decode_service,
    },
    {
        .name = "EndpointSlice",
        .kind = KUBE_ENDPOINT_SLICE,
        .is_namespaced = true,
        .current_api = "discovery.k8s.io/v1",
        .outdated_apis = { "discovery.k8s.io/v1beta1" },
        .known = slice_known,
        .decode = kube_decode_endpoint_slice,
    },
    {
        .name = "Secret",
        .kind = KUBE_SECRET,
        .is_namespaced = true,
        .current_api = "v1",
        .known = secret_known,
        .decode = kube_decode_secret,
    },
    {
        .name = "ConfigMap",
        .kind = KUBE_CONFIG_MAP,
        .is_namespaced = true,
        .current_api = "v1",
        .known = config_map_known,
        .decode = kube_decode_config_map,
    },
    {
        .name = "Namespace",
        .kind = KUBE_NAMESPACE,
        .keeps_labels = true,
        .current_api = "v1",
        .known = spec_known,
        .decode = kube_decode_namespace,
    },
};

const struct kube_kind_row *kube_kind_row_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_eq(name, span_from_str(rows[i].name)))
            return &rows[i];
    }
    return NULL;
}
