#include "kube/pack.h"

#include <stddef.h>

#include "base/bug.h"
#include "base/mem.h"

/* Tables say of each struct where it holds texts, lists and plain values; three small walks over them
 * measure, copy and compare. A block holds the object, then all its lists, then all its texts:
 *
 *   kube_object | rules | paths of rule 0 | … | texts, without gaps
 */

enum part_kind {
    PART_END,
    PART_PLAIN,  /* `size` bytes without pointers and gaps */
    PART_SPAN,   /* struct span */
    PART_UNSEEN, /* a struct span that is kept, but not compared */
    PART_STRUCT, /* another struct, as `parts` say */
    PART_LIST, /* a pointer to items of `size` bytes, as `parts` say; their number is at `len_at` */
};

struct part {
    enum part_kind kind;
    uint16_t at, size, len_at;
    const struct part *parts;
};

#define AT(type, field)    (uint16_t) offsetof(type, field)
#define BYTES(type, field) (uint16_t)sizeof(((type *)0)->field)

#define PLAIN(type, field)                                       \
    {                                                            \
        PART_PLAIN, AT(type, field), BYTES(type, field), 0, NULL \
    }
#define TEXT(type, field)                           \
    {                                               \
        PART_SPAN, AT(type, field.text), 0, 0, NULL \
    }
#define SPAN_PART(type, field)                 \
    {                                          \
        PART_SPAN, AT(type, field), 0, 0, NULL \
    }
#define UNSEEN(type, field)                      \
    {                                            \
        PART_UNSEEN, AT(type, field), 0, 0, NULL \
    }
#define STRUCT(type, field, parts)                \
    {                                             \
        PART_STRUCT, AT(type, field), 0, 0, parts \
    }
#define LIST(type, field, length, parts)                                                           \
    {                                                                                              \
        PART_LIST, AT(type, field), (uint16_t)sizeof(*((type *)0)->field), AT(type, length), parts \
    }
#define END      \
    {            \
        PART_END \
    }

static const struct part text_parts[] = { SPAN_PART(struct kube_text, text), END };

static const struct part pair_parts[] = {
    TEXT(struct kube_pair, key),
    TEXT(struct kube_pair, value),
    END,
};

static const struct part pairs_parts[] = {
    LIST(struct kube_pairs, items, len, pair_parts),
    END,
};

static const struct part backend_parts[] = {
    PLAIN(struct kube_backend, kind),     TEXT(struct kube_backend, service),
    TEXT(struct kube_backend, port_name), PLAIN(struct kube_backend, port_number),
    TEXT(struct kube_backend, resource),  END,
};

static const struct part path_parts[] = {
    TEXT(struct kube_path, path),
    PLAIN(struct kube_path, type),
    STRUCT(struct kube_path, backend, backend_parts),
    PLAIN(struct kube_path, index),
    END,
};

static const struct part rule_parts[] = {
    TEXT(struct kube_rule, host),
    PLAIN(struct kube_rule, has_http),
    LIST(struct kube_rule, paths, paths_len, path_parts),
    PLAIN(struct kube_rule, index),
    END,
};

static const struct part tls_parts[] = {
    LIST(struct kube_tls, hosts, hosts_len, text_parts),
    TEXT(struct kube_tls, secret_name),
    PLAIN(struct kube_tls, index),
    END,
};

static const struct part service_port_parts[] = {
    TEXT(struct kube_service_port, name),
    PLAIN(struct kube_service_port, port),
    PLAIN(struct kube_service_port, target_number),
    TEXT(struct kube_service_port, target_name),
    PLAIN(struct kube_service_port, protocol),
    TEXT(struct kube_service_port, app_protocol),
    END,
};

static const struct part slice_port_parts[] = {
    TEXT(struct kube_slice_port, name),
    PLAIN(struct kube_slice_port, port),
    PLAIN(struct kube_slice_port, protocol),
    TEXT(struct kube_slice_port, app_protocol),
    END,
};

static const struct part endpoint_parts[] = {
    LIST(struct kube_endpoint, addresses, addresses_len, text_parts),
    PLAIN(struct kube_endpoint, ready),
    PLAIN(struct kube_endpoint, serving),
    PLAIN(struct kube_endpoint, terminating),
    PLAIN(struct kube_endpoint, index),
    END,
};

static const struct part ingress_parts[] = {
    TEXT(struct kube_object, ingress.class_name),
    STRUCT(struct kube_object, ingress.default_backend, backend_parts),
    LIST(struct kube_object, ingress.tls, ingress.tls_len, tls_parts),
    LIST(struct kube_object, ingress.rules, ingress.rules_len, rule_parts),
    PLAIN(struct kube_object, ingress.is_outdated),
    END,
};

static const struct part ingress_class_parts[] = {
    TEXT(struct kube_object, ingress_class.controller),
    PLAIN(struct kube_object, ingress_class.is_default),
    END,
};

static const struct part service_parts[] = {
    PLAIN(struct kube_object, service.type),
    TEXT(struct kube_object, service.cluster_ip),
    TEXT(struct kube_object, service.external_name),
    LIST(struct kube_object, service.ports, service.ports_len, service_port_parts),
    END,
};

static const struct part endpoint_slice_parts[] = {
    TEXT(struct kube_object, endpoint_slice.service_name),
    PLAIN(struct kube_object, endpoint_slice.address_type),
    LIST(struct kube_object, endpoint_slice.ports, endpoint_slice.ports_len, slice_port_parts),
    LIST(struct kube_object, endpoint_slice.endpoints, endpoint_slice.endpoints_len,
         endpoint_parts),
    END,
};

static const struct part secret_parts[] = {
    PLAIN(struct kube_object, secret.access),
    TEXT(struct kube_object, secret.type),
    STRUCT(struct kube_object, secret.entries, pairs_parts),
    END,
};

static const struct part config_map_parts[] = {
    STRUCT(struct kube_object, config_map.entries, pairs_parts),
    END,
};

static const struct part namespace_parts[] = { END };

static const struct part object_parts[] = {
    PLAIN(struct kube_object, kind),
    SPAN_PART(struct kube_object, file),
    SPAN_PART(struct kube_object, namespace),
    SPAN_PART(struct kube_object, name),
    SPAN_PART(struct kube_object, uid),
    UNSEEN(struct kube_object, resource_version),
    PLAIN(struct kube_object, created_s),
    STRUCT(struct kube_object, labels, pairs_parts),
    STRUCT(struct kube_object, annotations, pairs_parts),
    END,
};

static const struct part *const parts_by_kind[KUBE_KINDS_LEN] = {
    [KUBE_INGRESS] = ingress_parts,     [KUBE_INGRESS_CLASS] = ingress_class_parts,
    [KUBE_SERVICE] = service_parts,     [KUBE_ENDPOINT_SLICE] = endpoint_slice_parts,
    [KUBE_SECRET] = secret_parts,       [KUBE_CONFIG_MAP] = config_map_parts,
    [KUBE_NAMESPACE] = namespace_parts,
};

/* ---- reading a part ----------------------------------------------------------------------------
 */

static struct span span_at(const char *thing, const struct part *part)
{
    struct span value;

    memcpy(&value, thing + part->at, sizeof(value));
    return value;
}

static const char *items_at(const char *thing, const struct part *part, size_t *ret_len)
{
    const char *items;

    memcpy(&items, thing + part->at, sizeof(items));
    memcpy(ret_len, thing + part->len_at, sizeof(*ret_len));
    return items;
}

/* ---- measure -----------------------------------------------------------------------------------
 */

struct pack_size {
    size_t lists, texts;
};

static void parts_measure(const char *thing, const struct part *part, struct pack_size *size)
{
    size_t len;

    for (; part->kind != PART_END; part++) {
        switch (part->kind) {
        case PART_END:
        case PART_PLAIN:
            break;
        case PART_SPAN:
        case PART_UNSEEN:
            size->texts += span_at(thing, part).len;
            break;
        case PART_STRUCT:
            parts_measure(thing + part->at, part->parts, size);
            break;
        case PART_LIST:
            for (const char *item = items_at(thing, part, &len); len; len--, item += part->size) {
                size->lists += part->size;
                parts_measure(item, part->parts, size);
            }
            break;
        }
    }
}

/* ---- copy --------------------------------------------------------------------------------------
 */

struct pack_room {
    char *lists, *texts; /* where the next goes */
};

/* An absent text has no address, and keeps none; an empty one keeps one. */
static void span_copy(char *thing, const struct part *part, struct pack_room *room)
{
    struct span value = span_at(thing, part);

    if (!value.ptr)
        return;
    if (value.len)
        memcpy(room->texts, value.ptr, value.len);
    value.ptr = room->texts;
    room->texts += value.len;
    memcpy(thing + part->at, &value, sizeof(value));
}

/* `thing` is a copy already, whose pointers are still those of the original. */
static void parts_copy(char *thing, const struct part *part, struct pack_room *room)
{
    size_t len;

    for (; part->kind != PART_END; part++) {
        switch (part->kind) {
        case PART_END:
        case PART_PLAIN:
            break;
        case PART_SPAN:
        case PART_UNSEEN:
            span_copy(thing, part, room);
            break;
        case PART_STRUCT:
            parts_copy(thing + part->at, part->parts, room);
            break;
        case PART_LIST: {
            const char *items = items_at(thing, part, &len);
            char *copies = room->lists;
            if (!len)
                break;
            memcpy(copies, items, len * part->size);
            room->lists += len * part->size;
            memcpy(thing + part->at, &copies, sizeof(copies));
            for (; len; len--, copies += part->size)
                parts_copy(copies, part->parts, room);
            break;
        }
        }
    }
}

struct kube_object *kube_object_pack(const struct kube_object *object)
{
    const struct part *kind_parts = parts_by_kind[object->kind];
    struct pack_size size = { 0 };

    parts_measure((const char *)object, object_parts, &size);
    parts_measure((const char *)object, kind_parts, &size);

    struct kube_object *packed = mem_alloc(sizeof(*packed) + size.lists + size.texts);
    struct pack_room room = { (char *)(packed + 1), (char *)(packed + 1) + size.lists };
    *packed = *object;
    parts_copy((char *)packed, object_parts, &room);
    parts_copy((char *)packed, kind_parts, &room);
    invariant(room.lists == (char *)(packed + 1) + size.lists);
    invariant(room.texts == room.lists + size.texts);
    return packed;
}

struct kube_object *kube_object_free(struct kube_object *object)
{
    return mem_free(object);
}

/* ---- compare -----------------------------------------------------------------------------------
 */

static bool parts_eq(const char *a, const char *b, const struct part *parts);

static bool lists_eq(const char *a, const char *b, const struct part *part)
{
    size_t a_len, b_len;
    const char *a_item = items_at(a, part, &a_len), *b_item = items_at(b, part, &b_len);

    if (a_len != b_len)
        return false;
    for (; a_len; a_len--, a_item += part->size, b_item += part->size) {
        if (!parts_eq(a_item, b_item, part->parts))
            return false;
    }
    return true;
}

static bool part_eq(const char *a, const char *b, const struct part *part)
{
    switch (part->kind) {
    case PART_END:
    case PART_UNSEEN:
        return true;
    case PART_PLAIN:
        return memcmp(a + part->at, b + part->at, part->size) == 0;
    case PART_SPAN: {
        struct span x = span_at(a, part), y = span_at(b, part);
        return !x.ptr == !y.ptr && span_eq(x, y);
    }
    case PART_STRUCT:
        return parts_eq(a + part->at, b + part->at, part->parts);
    case PART_LIST:
        return lists_eq(a, b, part);
    }
    unreachable();
}

static bool parts_eq(const char *a, const char *b, const struct part *parts)
{
    for (const struct part *part = parts; part->kind != PART_END; part++) {
        if (!part_eq(a, b, part))
            return false;
    }
    return true;
}

bool kube_object_eq(const struct kube_object *a, const struct kube_object *b)
{
    return parts_eq((const char *)a, (const char *)b, object_parts) &&
           parts_eq((const char *)a, (const char *)b, parts_by_kind[a->kind]);
}
