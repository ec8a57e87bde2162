#include "proxy/certificates.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"
#include "image/match.h"

struct certificate_context {
    uint64_t id;
    struct tls_context *context; /* NULL: the pair is unusable, which is said once */
};

static void entry_free(struct certificate_context *entry)
{
    tls_context_unref(entry->context);
    mem_free(entry);
}

void certificates_deinit(struct certificates *certificates)
{
    struct certificate_context *entry;
    size_t cursor = 0;

    while ((entry = idmap_next(&certificates->contexts, &cursor)))
        entry_free(entry);
    idmap_deinit(&certificates->contexts);
}

static struct tls_context *context_make(const struct image_view *view, uint64_t id)
{
    const struct image_certificate *pair = image_certificate_find(view, id);
    struct tls_context *context = NULL;

    if (!pair || tls_context_new(image_secret_text(view, pair->chain_pem),
                                 image_secret_text(view, pair->key_pem), &context) != 0)
        log_warn("certificate_unusable", F_UINT("certificate", id));
    return context;
}

static struct tls_context *context_get(struct certificates *certificates,
                                       const struct image_view *view, uint64_t id)
{
    struct certificate_context *entry;

    if (id == 0)
        return NULL;
    entry = idmap_find(&certificates->contexts, id);
    if (!entry) {
        entry = mem_alloc_zero(sizeof(*entry));
        entry->id = id;
        entry->context = context_make(view, id);
        idmap_put(&certificates->contexts, id, entry);
    }
    return entry->context;
}

struct tls_context *certificates_choose(struct certificates *certificates,
                                        const struct image_view *view, struct span server_name)
{
    struct tls_context *context =
        context_get(certificates, view, image_certificate_for(view, server_name));

    return context
               ? context
               : context_get(certificates, view, image_settings_get(view)->default_certificate_id);
}

void certificates_sweep(struct certificates *certificates, const struct image_view *view)
{
    struct certificate_context *entry;
    VEC(struct certificate_context *) gone = { 0 };
    size_t cursor = 0;

    while ((entry = idmap_next(&certificates->contexts, &cursor))) {
        if (!image_certificate_find(view, entry->id))
            vec_push(&gone, entry);
    }
    vec_for_each (it, &gone) {
        idmap_remove(&certificates->contexts, (*it)->id);
        entry_free(*it);
    }
    vec_deinit(&gone);
}
