#include "base/map.h"
#include "base/scope.h"
#include "kube/base64.h"
#include "kube/kinds.h"

/* The kinds that hold texts under keys: Secret, ConfigMap; and Namespace, which holds nothing. */

/* An entry that cannot be decoded is left out: a certificate must not be half of one. */
static bool value_decode(const struct kube_field *data, const struct kube_pair *pair,
                         struct kube_text *ret_value)
{
    struct span bytes;
    size_t at;

    if (kube_base64_decode(&data->reader->bundle->arena, pair->value.text, &bytes, &at)) {
        *ret_value = (struct kube_text){ bytes, pair->value.pos };
        return true;
    }
    struct kube_field field = kube_field_get(data, pair->key.text.ptr);
    kube_field_report(
        &field, DIAG_ERROR, DIAG_INVALID_VALUE,
        kube_field_printf(data, "is not base64 (at byte %zu of %zu)", at + 1, pair->value.text.len),
        SPAN("encode it by base64 -w0, or move it as it is from data to stringData"));
    return false;
}

static struct kube_pairs entries_join(const struct kube_field *data,
                                      const struct kube_field *strings)
{
    struct kube_pairs encoded = kube_field_pairs_briefly(data), plain = kube_field_pairs(strings);
    struct kube_pair *items =
        arena_new_array(&data->reader->bundle->arena, struct kube_pair, encoded.len + plain.len);
    struct kube_pairs joined = { .items = items };
    SCOPED(map_deinit) struct map by_key = { 0 };

    for (size_t i = 0; i < plain.len; i++) {
        map_put(&by_key, plain.items[i].key.text, &items[joined.len]);
        items[joined.len++] = plain.items[i];
    }
    for (size_t i = 0; i < encoded.len; i++) {
        const struct kube_pair *pair = &encoded.items[i];
        if (map_find(&by_key, pair->key.text))
            continue;
        items[joined.len].key =
            (struct kube_text){ arena_dup(data->reader->keep, pair->key.text), pair->key.pos };
        joined.len += value_decode(data, pair, &items[joined.len].value);
    }
    return joined;
}

bool kube_decode_secret(const struct kube_field *root, struct kube_object *object)
{
    struct kube_field type = kube_field_get(root, "type");
    struct kube_field data = kube_field_get(root, "data");
    struct kube_field strings = kube_field_get(root, "stringData");

    if (!kube_field_text(&type, &object->secret.type))
        return false;
    object->secret.entries = entries_join(&data, &strings);
    return true;
}

bool kube_decode_config_map(const struct kube_field *root, struct kube_object *object)
{
    struct kube_field data = kube_field_get(root, "data");

    object->config_map.entries = kube_field_pairs(&data);
    return true;
}

bool kube_decode_namespace(const struct kube_field *root, struct kube_object *object)
{
    (void)root;
    (void)object;
    return true;
}
