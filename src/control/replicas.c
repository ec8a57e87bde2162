#include "control/replicas.h"

#include "control/api_object.h"

static bool is_of_one_revision(struct span label)
{
    static const char *const labels[] = {
        "pod-template-hash",
        "controller-revision-hash",
        "pod-template-generation",
        "statefulset.kubernetes.io/pod-name",
        "apps.kubernetes.io/pod-index",
    };

    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        if (span_eq(label, span_from_str(labels[i])))
            return true;
    }
    return false;
}

void replicas_selector_append(const struct kube_node *pod, struct buf *out)
{
    const struct kube_node *labels = api_object_find(pod, "metadata.labels");

    for (size_t i = 0; labels && labels->kind == KUBE_NODE_MAP && i < labels->len; i++) {
        struct span key = labels->entries[i].key->text;
        if (is_of_one_revision(key))
            continue;
        buf_printf(out, "%s" SPAN_FMT "=" SPAN_FMT, out->len ? "," : "", SPAN_ARG(key),
                   SPAN_ARG(labels->entries[i].value->text));
    }
}

static bool is_running(const struct kube_node *pod)
{
    return span_eq(api_object_text(pod, "status.phase"), SPAN("Running"));
}

bool replica_is_ready(const struct kube_node *pod)
{
    const struct kube_node *conditions = api_object_find(pod, "status.conditions");

    for (size_t i = 0; i < api_object_len(conditions); i++) {
        if (span_eq(api_object_text(conditions->items[i], "type"), SPAN("Ready")))
            return is_running(pod) &&
                   span_eq(api_object_text(conditions->items[i], "status"), SPAN("True"));
    }
    return false;
}

bool replica_is_staying(const struct kube_node *pod)
{
    return is_running(pod) && api_object_text(pod, "metadata.deletionTimestamp").len == 0;
}
