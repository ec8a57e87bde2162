#include "keeper/format.h"

#define ROUTES_PREFIX    "routes-"
#define ENDPOINTS_PREFIX "endpoints-"

enum { NAME_TAIL_BYTES = 2 + 1 + 16 }; /* shard, dash, checksum */

void state_segment_name(const struct image_root_block *block, uint32_t position, struct buf *name)
{
    const struct image_segment_ref *ref = &block->refs[position];

    buf_printf(name, "%s%02x-%016lx",
               image_kind_at(position) == IMAGE_ROUTES ? ROUTES_PREFIX : ENDPOINTS_PREFIX,
               ref->shard, (unsigned long)ref->checksum);
}

static bool is_segment(struct span name, struct span prefix)
{
    return span_starts_with(name, prefix) && name.len == prefix.len + NAME_TAIL_BYTES;
}

bool state_name_is_ours(struct span name)
{
    if (span_ends_with(name, SPAN(STATE_TMP)))
        name = span_upto(name, name.len - strlen(STATE_TMP));
    return is_segment(name, SPAN(ROUTES_PREFIX)) || is_segment(name, SPAN(ENDPOINTS_PREFIX));
}
