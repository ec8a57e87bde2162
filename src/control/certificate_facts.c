#include "control/certificate_facts.h"

#include "base/mem.h"
#include "base/vec.h"

struct known {
    uint64_t id;
    struct arena arena;
    struct tls_pair_facts facts;
    bool is_pair, was_asked_for;
};

static struct known *known_new(const struct route_certificate *certificate)
{
    struct known *known = mem_alloc_zero(sizeof(*known));

    known->id = certificate->id;
    arena_init(&known->arena, 256);
    known->is_pair = tls_pair_examine(certificate->chain_pem, certificate->key_pem, &known->arena,
                                      &known->facts) == TLS_PAIR_OK;
    return known;
}

static void known_free(struct known *known)
{
    arena_deinit(&known->arena);
    mem_free(known);
}

const struct tls_pair_facts *certificate_facts_get(struct certificate_facts *all,
                                                   const struct route_certificate *certificate)
{
    struct known *known = idmap_find(&all->by_id, certificate->id);

    if (!known) {
        known = known_new(certificate);
        idmap_put(&all->by_id, known->id, known);
    }
    known->was_asked_for = true;
    return known->is_pair ? &known->facts : NULL;
}

void certificate_facts_sweep(struct certificate_facts *all)
{
    VEC(struct known *) forgotten = { 0 };
    size_t cursor = 0;

    for (struct known *known = idmap_next(&all->by_id, &cursor); known;
         known = idmap_next(&all->by_id, &cursor)) {
        if (!known->was_asked_for)
            vec_push(&forgotten, known);
        known->was_asked_for = false;
    }
    vec_for_each (known, &forgotten) {
        idmap_remove(&all->by_id, (*known)->id);
        known_free(*known);
    }
    vec_deinit(&forgotten);
}

void certificate_facts_deinit(struct certificate_facts *all)
{
    size_t cursor = 0;

    for (struct known *known = idmap_next(&all->by_id, &cursor); known;
         known = idmap_next(&all->by_id, &cursor))
        known_free(known);
    idmap_deinit(&all->by_id);
}
