#include "proxy/upstream/backend_tls.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/vec.h"

/* Identities are told apart by all that they are made of, not by a hash of it: what a tenant writes could be
 * made to collide with another's, and would get connections that show the other's certificate. */

struct backend_identity {
    struct span key; /* owned */
    uint64_t number;
    uint64_t seen_generation;
    struct tls_context *contexts[2]; /* HTTP/1, HTTP/2; NULL: unusable, or not asked for yet */
    bool was_asked[2];
};

static void identity_free(struct backend_identity *identity)
{
    tls_context_unref(identity->contexts[0]);
    tls_context_unref(identity->contexts[1]);
    mem_free((char *)identity->key.ptr);
    mem_free(identity);
}

void backend_tls_deinit(struct backend_tls *tls)
{
    struct backend_identity *identity;
    size_t cursor = 0;

    while ((identity = map_next(&tls->identities, &cursor)))
        identity_free(identity);
    map_deinit(&tls->identities);
    buf_deinit(&tls->key);
}

static const struct image_backend_tls *record_get(const struct image_view *view, uint32_t index)
{
    return index == IMAGE_NONE ? NULL : image_backend_tls_get(view, index);
}

/* All facts of a record, each with its length; of no record, nothing. */
static struct span key_make(struct buf *key, const struct image_view *view,
                            const struct image_backend_tls *record)
{
    key->len = 0;
    if (!record)
        return SPAN_EMPTY;
    const uint64_t numbers[] = { record->certificate_id, record->authorities_id,
                                 (uint64_t)record->versions << 32 | record->depth, record->flags,
                                 record->name.len };
    buf_append(key, span_of((const char *)numbers, sizeof(numbers)));
    buf_append(key, image_str_get(view, record->name));
    buf_append(key, image_str_get(view, record->ciphers));
    return buf_span(key);
}

/* What the record says, in the words of TLS. False: its secrets are not in this image. */
static bool client_describe(const struct image_view *view, const struct image_backend_tls *record,
                            struct tls_client *client)
{
    const struct image_certificate *pair = NULL;
    const struct image_authorities *authorities = NULL;
    struct span name = image_str_get(view, record->name);

    if (record->certificate_id)
        pair = image_certificate_find(view, record->certificate_id);
    if (record->authorities_id)
        authorities = image_authorities_find(view, record->authorities_id);
    if ((record->flags & IMAGE_BACKEND_TLS_BROKEN) || (record->certificate_id && !pair) ||
        (record->authorities_id && !authorities))
        return false;
    client->policy.versions = record->versions;
    client->policy.ciphers = image_str_get(view, record->ciphers);
    client->verify = record->flags & IMAGE_BACKEND_TLS_VERIFY;
    client->depth = record->depth;
    client->verify_name = name;
    if (record->flags & IMAGE_BACKEND_TLS_SEND_NAME)
        client->server_name = name;
    if (authorities) {
        client->ca_pem = image_secret_text(view, authorities->ca_pem);
        client->crl_pem = image_secret_text(view, authorities->crl_pem);
    }
    if (pair)
        client->pair = (struct tls_pair_pem){ image_secret_text(view, pair->chain_pem),
                                              image_secret_text(view, pair->key_pem) };
    return true;
}

static struct tls_context *context_make(const struct image_view *view,
                                        const struct image_backend_tls *record, bool http2)
{
    struct tls_client client = { .policy.http2 = http2 };
    struct tls_context *context = NULL;

    if ((record && !client_describe(view, record, &client)) ||
        tls_context_new_client(&client, &context) != TLS_CONTEXT_OK) {
        log_warn("backend_tls_unusable",
                 F_SPAN("name", record ? image_str_get(view, record->name) : SPAN_EMPTY));
        return NULL;
    }
    return context;
}

static struct backend_identity *identity_get(struct backend_tls *tls, struct span key)
{
    struct backend_identity *identity = map_find(&tls->identities, key);

    if (!identity) {
        identity = mem_alloc_zero(sizeof(*identity));
        identity->key = span_of(mem_dup(key.ptr, key.len), key.len);
        identity->number = ++tls->numbers_given;
        map_put(&tls->identities, identity->key, identity);
    }
    return identity;
}

bool backend_tls_find(struct backend_tls *tls, const struct image_view *view, uint32_t index,
                      bool http2, uint64_t *ret_number, struct tls_context **ret_context)
{
    const struct image_backend_tls *record = record_get(view, index);
    struct backend_identity *identity = identity_get(tls, key_make(&tls->key, view, record));

    if (!identity->was_asked[http2]) {
        identity->was_asked[http2] = true;
        identity->contexts[http2] = context_make(view, record, http2);
    }
    if (!identity->contexts[http2])
        return false;
    *ret_number = identity->number;
    *ret_context = identity->contexts[http2];
    return true;
}

void backend_tls_sweep(struct backend_tls *tls, const struct image_view *view)
{
    struct backend_identity *identity;
    VEC(struct backend_identity *) unused = { 0 };
    size_t cursor = 0;

    if (tls->identities.len == 0)
        return;
    image_for_each(i, view, IMAGE_SECTION_BACKEND_TLS)
    {
        identity =
            map_find(&tls->identities, key_make(&tls->key, view, image_backend_tls_get(view, i)));
        if (identity)
            identity->seen_generation = view->generation;
    }
    while ((identity = map_next(&tls->identities, &cursor))) {
        if (identity->seen_generation != view->generation && identity->key.len > 0)
            vec_push(&unused, identity);
    }
    vec_for_each (it, &unused) {
        map_remove(&tls->identities, (*it)->key);
        identity_free(*it);
    }
    vec_deinit(&unused);
}
