#include <stdlib.h>

#include "base/vec.h"
#include "image/encode.h"

/* The one segment with keys in it. Sorted by id, so that equal sets give equal bytes. */

/* A certificate or authorities: an id and two texts. */
struct secret {
    uint64_t id;
    struct span first, second;
};

struct secrets {
    VEC(struct secret) items;
};

static_assert(sizeof(struct image_certificate) == sizeof(struct image_authorities) &&
                  offsetof(struct image_certificate, key_pem) ==
                      offsetof(struct image_authorities, crl_pem),
              "secrets_add() writes both alike");

static int by_id(const void *a, const void *b)
{
    const struct secret *left = a, *right = b;

    return (left->id > right->id) - (left->id < right->id);
}

static void secrets_add(struct image_sections *sections, enum image_section section,
                        struct secrets *secrets)
{
    uint64_t id_before = 0; /* nothing's id */

    if (secrets->items.len > 0)
        qsort(secrets->items.items, secrets->items.len, sizeof(secrets->items.items[0]), by_id);
    vec_for_each (secret, &secrets->items) {
        struct image_certificate record = { .id = secret->id };
        if (record.id == id_before) /* one content under two names */
            continue;
        id_before = record.id;
        record.chain_pem = image_sections_str(sections, secret->first);
        record.key_pem = image_sections_str(sections, secret->second);
        image_sections_add(sections, section, &record, sizeof(record));
    }
    vec_deinit(&secrets->items);
}

static void certificates_add(struct image_sections *sections, const struct route_model *model)
{
    struct secrets all = { 0 };

    vec_for_each (it, &model->certificates) {
        struct secret secret = { (*it)->id, (*it)->chain_pem, (*it)->key_pem };
        vec_push(&all.items, secret);
    }
    secrets_add(sections, IMAGE_SECTION_CERTIFICATES, &all);
}

static void authorities_add(struct image_sections *sections, const struct route_model *model)
{
    struct secrets all = { 0 };

    vec_for_each (it, &model->authorities) {
        struct secret secret = { (*it)->id, (*it)->ca_pem, (*it)->crl_pem };
        vec_push(&all.items, secret);
    }
    secrets_add(sections, IMAGE_SECTION_AUTHORITIES, &all);
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
