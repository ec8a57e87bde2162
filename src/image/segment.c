#include "image/segment.h"

#include "base/hash.h"

/* Each section by what it holds and whose it is: the writer, the opening and the verifier all go by
 * this one table. */
static const struct {
    uint32_t record_bytes;
    uint32_t kinds; /* bits of enum image_segment_kind */
} sections[IMAGE_SECTIONS_LEN] = {
    [IMAGE_SECTION_STRINGS] = { 1, 1 << IMAGE_ROUTES | 1 << IMAGE_ENDPOINTS | 1 << IMAGE_SECRETS },
    [IMAGE_SECTION_HOSTS] = { sizeof(struct image_host), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_HOST_SLOTS] = { sizeof(uint32_t), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_PATHS] = { sizeof(struct image_path), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_PATH_SLOTS] = { sizeof(uint32_t), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_RULES] = { sizeof(struct image_rule), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_PREDICATES] = { sizeof(struct image_predicate), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_FILTERS] = { sizeof(struct image_filter), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_BACKENDS] = { sizeof(struct image_backend), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_SERVICES] = { sizeof(struct image_service), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_POLICIES] = { sizeof(struct image_policy), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_BACKEND_TLS] = { sizeof(struct image_backend_tls), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_CLIENT_AUTHS] = { sizeof(struct image_client_auth), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_SETTINGS] = { sizeof(struct image_settings), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_TRUSTED] = { sizeof(struct image_block), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_LISTENERS] = { sizeof(struct image_listener), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_ORIGINS] = { sizeof(struct image_origin), 1 << IMAGE_ROUTES },
    [IMAGE_SECTION_ENDPOINT_SETS] = { sizeof(struct image_endpoint_set), 1 << IMAGE_ENDPOINTS },
    [IMAGE_SECTION_ENDPOINT_SLOTS] = { sizeof(uint32_t), 1 << IMAGE_ENDPOINTS },
    [IMAGE_SECTION_ENDPOINTS] = { sizeof(struct image_endpoint), 1 << IMAGE_ENDPOINTS },
    [IMAGE_SECTION_CERTIFICATES] = { sizeof(struct image_certificate), 1 << IMAGE_SECRETS },
    [IMAGE_SECTION_AUTHORITIES] = { sizeof(struct image_authorities), 1 << IMAGE_SECRETS },
    [IMAGE_SECTION_TICKET_KEYS] = { sizeof(struct image_ticket_key), 1 << IMAGE_SECRETS },
};

uint32_t image_section_record_bytes(enum image_section section)
{
    return sections[section].record_bytes;
}

bool image_section_belongs(enum image_section section, enum image_segment_kind kind)
{
    return sections[section].kinds & 1u << kind;
}

enum image_segment_kind image_kind_at(uint32_t position)
{
    if (position == IMAGE_AT_SECRETS)
        return IMAGE_SECRETS;
    return position % 2 == IMAGE_AT_ROUTES % 2 ? IMAGE_ROUTES : IMAGE_ENDPOINTS;
}

uint32_t image_shard_at(uint32_t position)
{
    return position == IMAGE_AT_SECRETS ? 0 : (position - IMAGE_AT_ROUTES) / 2;
}

uint64_t image_segment_bytes_max(enum image_segment_kind kind)
{
    return kind == IMAGE_ROUTES ? IMAGE_ROUTES_BYTES_MAX : IMAGE_SEGMENT_BYTES_MAX;
}

uint64_t image_root_checksum(const struct image_root_block *block)
{
    struct image_root_block copy = *block;

    copy.root.checksum = 0;
    return hash_bytes(span_of((const char *)&copy, image_root_bytes(copy.root.segments_len)), 0);
}

static bool shards_are_valid(uint32_t shards)
{
    return shards > 0 && shards <= IMAGE_SHARDS_MAX && (shards & (shards - 1)) == 0;
}

static bool ref_is_valid(const struct image_root_block *block, uint32_t position)
{
    const struct image_segment_ref *ref = &block->refs[position];

    return ref->kind == image_kind_at(position) && ref->shard == image_shard_at(position) &&
           ref->generation <= block->root.generation &&
           ref->size_bytes >= sizeof(struct image_segment) &&
           ref->size_bytes <= image_segment_bytes_max(ref->kind);
}

int image_root_read(struct span bytes, struct image_root_block *ret_block)
{
    struct image_root_block block = { 0 };
    struct image_root *root = &block.root;

    if (bytes.len < sizeof(block.root) || bytes.len > sizeof(block))
        return IMAGE_OPEN_CORRUPT;
    memcpy(&block, bytes.ptr, bytes.len);

    if (root->magic != IMAGE_MAGIC_ROOT || root->version != IMAGE_FORMAT_VERSION)
        return IMAGE_OPEN_FOREIGN;
    if (!shards_are_valid(root->shards) || root->segments_len != image_segments_for(root->shards) ||
        bytes.len != image_root_bytes(root->segments_len))
        return IMAGE_OPEN_CORRUPT;
    if (root->checksum != image_root_checksum(&block))
        return IMAGE_OPEN_CORRUPT;
    for (uint32_t i = 0; i < root->segments_len; i++) {
        if (!ref_is_valid(&block, i))
            return IMAGE_OPEN_CORRUPT;
    }

    *ret_block = block;
    return IMAGE_OPEN_OK;
}

/* Aligned, in order, in bounds, without overlaps, and none that the kind does not have. */
static bool sections_are_valid(const struct image_segment *segment)
{
    uint64_t end = sizeof(*segment);

    for (uint32_t i = 0; i < IMAGE_SECTIONS_LEN; i++) {
        const struct image_section_ref *ref = &segment->sections[i];
        uint64_t section_bytes = (uint64_t)ref->count * sections[i].record_bytes;

        if (ref->offset % IMAGE_ALIGN != 0 || ref->offset < end ||
            ref->offset + section_bytes > segment->size_bytes)
            return false;
        if (ref->count > 0 && !image_section_belongs(i, segment->kind))
            return false;
        end = ref->offset + section_bytes;
    }
    for (uint32_t i = IMAGE_SECTIONS_LEN; i < IMAGE_SECTIONS_MAX; i++) {
        if (segment->sections[i].offset != 0 || segment->sections[i].count != 0)
            return false;
    }
    return true;
}

int image_segment_resolve(struct span bytes, enum image_segment_kind kind,
                          struct image_segment_view *ret_view)
{
    const struct image_segment *segment = (const void *)bytes.ptr;

    if (bytes.len < sizeof(*segment))
        return IMAGE_OPEN_CORRUPT;
    if (segment->magic != IMAGE_MAGIC_SEGMENT || segment->version != IMAGE_FORMAT_VERSION)
        return IMAGE_OPEN_FOREIGN;
    if (segment->kind != kind || segment->size_bytes != bytes.len || !sections_are_valid(segment))
        return IMAGE_OPEN_CORRUPT;

    for (uint32_t i = 0; i < IMAGE_SECTIONS_LEN; i++) {
        ret_view->at[i] = bytes.ptr + segment->sections[i].offset;
        ret_view->count[i] = segment->sections[i].count;
    }
    return IMAGE_OPEN_OK;
}
