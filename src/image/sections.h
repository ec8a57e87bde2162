/* image/sections.h
 *
 * Purpose    A segment while it is being written: its sections grow apart, then become one block.
 * Ownership  The caller's memory; image_sections_deinit() frees, and wipes what was secret.
 *            Interned texts are borrowed until then.
 * Limits     A section of more than image_segment_bytes_max() stops growing, and assembling refuses. */
#ifndef YETT_IMAGE_SECTIONS_H
#define YETT_IMAGE_SECTIONS_H

#include "base/buf.h"
#include "base/map.h"
#include "image/format.h"

enum { IMAGE_RECENT_TEXTS = 64 }; /* a power of two; the fields of an Ingress and its neighbours */

struct image_sections {
    enum image_segment_kind kind;
    uint32_t base; /* the shard, where it stands in what names something of ROUTES */
    struct buf content[IMAGE_SECTIONS_LEN];
    struct map interned; /* text → its offset + 1 */
    struct {
        struct span text;
        struct image_str str;
    } recent
        [IMAGE_RECENT_TEXTS]; /* by address: most texts come again at once, and need no hash then */
    bool is_full;
};

/* An assembled segment, on the heap. */
struct image_block_bytes {
    char *ptr;
    size_t len;
};

void image_sections_init(struct image_sections *sections, enum image_segment_kind kind,
                         uint32_t shard);
void image_sections_deinit(struct image_sections *sections);

uint32_t image_sections_count(const struct image_sections *sections, enum image_section section);
/* The index of the record that will be added next. */
uint32_t image_sections_next(const struct image_sections *sections, enum image_section section);

/* Appends a record of `bytes` and returns its index. */
uint32_t image_sections_add(struct image_sections *sections, enum image_section section,
                            const void *record, size_t bytes);

/* The text's place in STRINGS, where equal texts lie once. */
struct image_str image_sections_str(struct image_sections *sections, struct span text);

/* Writes the lookup table `section` for records 0 … hashes_len - 1 with these hashes. */
void image_sections_index(struct image_sections *sections, enum image_section section,
                          const uint64_t *hashes, uint32_t hashes_len);

/* Makes one block of it; false where that has more than `bytes_max`. The caller frees it. */
YETT_MUST_USE bool image_sections_assemble(const struct image_sections *sections,
                                           uint64_t bytes_max, struct image_block_bytes *ret_block);

#endif
