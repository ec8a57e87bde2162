#include "image/sections.h"

#include "base/bug.h"
#include "base/hash.h"
#include "base/mem.h"
#include "image/lookup.h"
#include "image/segment.h"

void image_sections_init(struct image_sections *sections, enum image_segment_kind kind,
                         uint32_t shard)
{
    *sections = (struct image_sections){
        .kind = kind,
        .base = kind == IMAGE_ROUTES ? shard << IMAGE_LOCAL_BITS : 0,
    };
}

void image_sections_deinit(struct image_sections *sections)
{
    for (uint32_t i = 0; i < IMAGE_SECTIONS_LEN; i++) {
        struct buf *content = &sections->content[i];
        if (sections->kind == IMAGE_SECRETS && content->ptr)
            explicit_bzero(content->ptr, content->cap);
        buf_deinit(content);
    }
    map_deinit(&sections->interned);
}

uint32_t image_sections_count(const struct image_sections *sections, enum image_section section)
{
    return (uint32_t)(sections->content[section].len / image_section_record_bytes(section));
}

uint32_t image_sections_next(const struct image_sections *sections, enum image_section section)
{
    return sections->base | image_sections_count(sections, section);
}

/* Grows by copying, as a buf would, but without leaving keys behind in freed memory. */
static void secret_reserve(struct buf *content, size_t more)
{
    if (content->cap - content->len >= more)
        return;
    struct buf grown = { 0 };
    (void)buf_reserve(&grown, content->cap * 2 + more);
    buf_append(&grown, buf_span(content));
    if (content->ptr)
        explicit_bzero(content->ptr, content->cap);
    buf_deinit(content);
    *content = grown;
}

/* Room for `bytes` at the end of a section, or NULL where it is full. */
static char *content_extend(struct image_sections *sections, enum image_section section,
                            size_t bytes)
{
    struct buf *content = &sections->content[section];

    if (sections->is_full || content->len + bytes > image_segment_bytes_max(sections->kind)) {
        sections->is_full = true;
        return NULL;
    }
    if (sections->kind == IMAGE_SECRETS)
        secret_reserve(content, bytes);
    char *at = buf_reserve(content, bytes);
    content->len += bytes;
    return at;
}

uint32_t image_sections_add(struct image_sections *sections, enum image_section section,
                            const void *record, size_t bytes)
{
    uint32_t index = image_sections_next(sections, section);

    invariant(bytes == image_section_record_bytes(section));
    invariant(image_section_belongs(section, sections->kind));
    char *at = content_extend(sections, section, bytes);
    if (at)
        memcpy(at, record, bytes);
    return index;
}

static struct image_str intern(struct image_sections *sections, struct span text)
{
    uintptr_t known = (uintptr_t)map_find(&sections->interned, text);
    if (known)
        return (struct image_str){ sections->base | (uint32_t)(known - 1), (uint32_t)text.len };

    size_t offset = sections->content[IMAGE_SECTION_STRINGS].len;
    char *at = content_extend(sections, IMAGE_SECTION_STRINGS, text.len);
    if (!at)
        return (struct image_str){ 0 };
    memcpy(at, text.ptr, text.len);
    map_put(&sections->interned, text, (void *)(uintptr_t)(offset + 1));
    return (struct image_str){ sections->base | (uint32_t)offset, (uint32_t)text.len };
}

struct image_str image_sections_str(struct image_sections *sections, struct span text)
{
    if (span_is_empty(text))
        return (struct image_str){ 0 };

    size_t at = hash_u64((uintptr_t)text.ptr) % IMAGE_RECENT_TEXTS;
    struct span recent = sections->recent[at].text;
    if (recent.ptr != text.ptr || recent.len != text.len) {
        sections->recent[at].str = intern(sections, text);
        sections->recent[at].text = text;
    }
    return sections->recent[at].str;
}

void image_sections_index(struct image_sections *sections, enum image_section section,
                          const uint64_t *hashes, uint32_t hashes_len)
{
    uint32_t slots_len = image_slots_for(hashes_len);
    size_t bytes = slots_len * sizeof(uint32_t);

    invariant(sections->content[section].len == 0);
    uint32_t *slots = (uint32_t *)content_extend(sections, section, bytes);
    if (!slots)
        return;
    memset(slots, 0xFF, bytes); /* all IMAGE_NONE */
    for (uint32_t i = 0; i < hashes_len; i++) {
        uint32_t at = (uint32_t)hashes[i];
        while (slots[at & (slots_len - 1)] != IMAGE_NONE)
            at++;
        slots[at & (slots_len - 1)] = sections->base | i;
    }
}

static uint64_t align_up(uint64_t offset)
{
    return (offset + IMAGE_ALIGN - 1) & ~(uint64_t)(IMAGE_ALIGN - 1);
}

bool image_sections_assemble(const struct image_sections *sections, uint64_t bytes_max,
                             struct image_block_bytes *ret_block)
{
    struct image_segment head = {
        .magic = IMAGE_MAGIC_SEGMENT,
        .version = IMAGE_FORMAT_VERSION,
        .kind = sections->kind,
    };
    uint64_t end = sizeof(head);

    for (uint32_t i = 0; i < IMAGE_SECTIONS_LEN; i++) {
        head.sections[i] = (struct image_section_ref){
            .offset = (uint32_t)end,
            .count = image_sections_count(sections, i),
        };
        end = align_up(end + sections->content[i].len);
        if (end > bytes_max)
            return false;
    }
    if (sections->is_full)
        return false;
    head.size_bytes = end;

    char *bytes = mem_alloc_zero(end);
    memcpy(bytes, &head, sizeof(head));
    for (uint32_t i = 0; i < IMAGE_SECTIONS_LEN; i++) {
        struct span content = buf_span(&sections->content[i]);
        memcpy(bytes + head.sections[i].offset, content.ptr, content.len);
    }
    *ret_block = (struct image_block_bytes){ bytes, end };
    return true;
}
