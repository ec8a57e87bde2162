#include "kube/kinds.h"
#include "kube/timestamp.h"

static const char *const metadata_known[] = {
    "name",
    "generateName",
    "namespace",
    "labels",
    "annotations",
    "uid",
    "resourceVersion",
    "creationTimestamp",
    "generation",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "clusterName",
    NULL,
};

static const struct kube_misfit metadata_misfits[] = {
    { "ingressClassName", DIAG_WARNING, "move it below spec" },
    { "spec", DIAG_WARNING, "indent it less, to stand beside metadata" },
    { NULL },
};

enum { NAME_BYTES_MAX = 253, NAMESPACE_BYTES_MAX = 63 };

static bool is_name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
}

/* A DNS name, the widest form that names of our kinds may have. Held to here, although values are
 * judged elsewhere, because names become keys, paths and log lines. */
static bool is_name(struct span name, size_t len_max)
{
    if (!name.len || name.len > len_max)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        if (!is_name_byte(name.ptr[i]))
            return false;
    }
    return true;
}

/* False: missing or not usable; reported. */
static bool name_read(const struct kube_field *metadata, const char *field_name, size_t len_max,
                      struct span *ret_name)
{
    struct kube_field field = kube_field_get(metadata, field_name);
    struct kube_text text = { 0 };

    if (!kube_field_text(&field, &text))
        return false;
    if (span_is_empty(text.text))
        return true;
    if (!is_name(text.text, len_max)) {
        kube_field_report(&field, DIAG_ERROR, DIAG_INVALID_VALUE,
                          kube_field_printf(&field, "\"" SPAN_FMT "\" cannot be a name",
                                            SPAN_ARG(span_upto(text.text, 80))),
                          kube_field_printf(&field,
                                            "write at most %zu of a-z, 0-9, \"-\" and \".\"; "
                                            "fill in what a template left open",
                                            len_max));
        return false;
    }
    *ret_name = text.text;
    return true;
}

static bool name_missing_report(const struct kube_field *metadata)
{
    struct kube_field generate = kube_field_get(metadata, "generateName");
    struct kube_field name = kube_field_get(metadata, "name");

    kube_field_report(
        &name, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
        kube_field_is_set(&generate)
            ? SPAN("write name instead of generateName: only the API server makes up names")
            : SPAN("add a line \"name: ...\" below metadata"));
    return false;
}

static void created_read(const struct kube_field *metadata, struct kube_object *object)
{
    struct kube_field field = kube_field_get(metadata, "creationTimestamp");
    struct kube_text text = { 0 };

    if (!kube_field_text(&field, &text) || !kube_text_is_set(&text))
        return;
    if (!kube_timestamp_parse(text.text, &object->created_s))
        kube_field_report(&field, DIAG_WARNING, DIAG_INVALID_VALUE, SPAN("is not a time"),
                          SPAN("write it as 2026-01-31T23:59:59Z, or remove it"));
}

static void text_read(const struct kube_field *metadata, const char *name, struct span *ret_text)
{
    struct kube_field field = kube_field_get(metadata, name);
    struct kube_text text = { 0 };

    if (kube_field_text(&field, &text) && kube_text_is_set(&text))
        *ret_text = text.text;
}

/* What `kubectl apply` notes of an object is the object once more. */
static void annotations_keep(const struct kube_field *field, struct kube_object *object)
{
    struct kube_pairs all = object->annotations;
    struct kube_pair *kept = arena_new_array(field->reader->keep, struct kube_pair, all.len);
    size_t len = 0;

    for (size_t i = 0; i < all.len; i++) {
        struct kube_pair pair = all.items[i];
        if (span_eq(pair.key.text, SPAN("kubectl.kubernetes.io/last-applied-configuration")))
            continue;
        pair.key.text = arena_dup(field->reader->keep, pair.key.text);
        pair.value.text = arena_dup(field->reader->keep, pair.value.text);
        kept[len++] = pair;
    }
    object->annotations = (struct kube_pairs){ kept, len };
}

bool kube_decode_metadata(const struct kube_field *root, const struct kube_kind_row *row,
                          struct kube_object *object)
{
    struct kube_field metadata = kube_field_get(root, "metadata");
    struct kube_field labels = kube_field_get(&metadata, "labels");
    struct kube_field annotations = kube_field_get(&metadata, "annotations");
    struct span name = SPAN_EMPTY, namespace = SPAN("default");

    if (!kube_field_require(&metadata, KUBE_NODE_MAP, "add \"metadata:\" with at least a name"))
        return false;
    kube_field_check_known(&metadata, metadata_known, metadata_misfits);
    bool is_good = name_read(&metadata, "name", NAME_BYTES_MAX, &name);
    if (is_good && span_is_empty(name))
        is_good = name_missing_report(&metadata);
    if (row->is_namespaced)
        is_good = name_read(&metadata, "namespace", NAMESPACE_BYTES_MAX, &namespace) && is_good;
    created_read(&metadata, object);
    text_read(&metadata, "uid", &object->uid);
    text_read(&metadata, "resourceVersion", &object->resource_version);
    object->labels =
        row->keeps_labels ? kube_field_pairs(&labels) : kube_field_pairs_briefly(&labels);
    object->annotations = kube_field_pairs_briefly(&annotations);
    if (row->keeps_annotations)
        annotations_keep(&annotations, object);
    if (!is_good)
        return false;
    object->name = name;
    object->namespace = row->is_namespaced ? namespace : SPAN_EMPTY;
    return true;
}
