#include <stdlib.h>

#include "base/vec.h"
#include "image/encode.h"

/* The one segment with keys in it. Sorted by id, so that equal sets give equal bytes. */

static int by_id(const void *a, const void *b)
{
    uint64_t left = **(const uint64_t *const *)a, right = **(const uint64_t *const *)b;

    return (left > right) - (left < right);
}

static void certificates_add(struct image_sections *sections, const struct route_model *model)
{
    VEC(const struct route_certificate *) sorted = { 0 };
    uint64_t id_before = 0; /* no certificate's id */

    static_assert(offsetof(struct route_certificate, id) == 0, "by_id()");
    vec_for_each (certificate, &model->certificates)
        vec_push(&sorted, *certificate);
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

static void authorities_add(struct image_sections *sections, const struct route_model *model)
{
    VEC(const struct route_authorities *) sorted = { 0 };
    uint64_t id_before = 0;

    static_assert(offsetof(struct route_authorities, id) == 0, "by_id()");
    vec_for_each (authorities, &model->authorities)
        vec_push(&sorted, *authorities);
    if (sorted.len > 0)
        qsort(sorted.items, sorted.len, sizeof(sorted.items[0]), by_id);
    vec_for_each (authorities, &sorted) {
        struct image_authorities record = { .id = (*authorities)->id };
        if (record.id == id_before)
            continue;
        id_before = record.id;
        record.ca_pem = image_sections_str(sections, (*authorities)->ca_pem);
        record.crl_pem = image_sections_str(sections, (*authorities)->crl_pem);
        image_sections_add(sections, IMAGE_SECTION_AUTHORITIES, &record, sizeof(record));
    }
    vec_deinit(&sorted);
}

static void ticket_keys_add(struct image_sections *sections, const struct route_model *model)
{
    for (size_t i = 0; i < model->ticket_keys_len; i++) {
        struct image_ticket_key record = { .len = model->ticket_keys[i].len };
        memcpy(record.bytes, model->ticket_keys[i].bytes, sizeof(record.bytes));
        image_sections_add(sections, IMAGE_SECTION_TICKET_KEYS, &record, sizeof(record));
        explicit_bzero(&record, sizeof(record));
    }
}

void image_encode_secrets(struct image_sections *sections, const struct route_model *model)
{
    certificates_add(sections, model);
    authorities_add(sections, model);
    ticket_keys_add(sections, model);
}
