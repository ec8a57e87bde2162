#include <stdlib.h>

#include "base/vec.h"
#include "image/encode.h"

/* The one segment with keys in it. Sorted by id, so that equal sets of certificates give equal
 * bytes. */

static int by_id(const void *a, const void *b)
{
    const struct route_certificate *left = *(const struct route_certificate *const *)a;
    const struct route_certificate *right = *(const struct route_certificate *const *)b;

    return (left->id > right->id) - (left->id < right->id);
}

void image_encode_secrets(struct image_sections *sections, const struct route_model *model)
{
    VEC(const struct route_certificate *) sorted = { 0 };
    uint64_t id_before = 0; /* no certificate's id */

    vec_for_each (certificate, &model->certificates) {
        vec_push(&sorted, *certificate);
    }
    if (sorted.len > 0)
        qsort(sorted.items, sorted.len, sizeof(sorted.items[0]), by_id);
    vec_for_each (certificate, &sorted) {
        struct image_certificate record = { .id = (*certificate)->id };
        if (record.id == id_before) /* one content under two names */
            continue;
        id_before = record.id;
        record.chain_pem = image_sections_str(sections, (*certificate)->chain_pem);
        record.key_pem = image_sections_str(sections, (*certificate)->key_pem);
        image_sections_add(sections, IMAGE_SECTION_CERTIFICATES, &record, sizeof(record));
    }
    vec_deinit(&sorted);
}
