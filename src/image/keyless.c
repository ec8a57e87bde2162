#include "image/keyless.h"

#include "base/hash.h"
#include "base/scope.h"
#include "image/encode.h"

static void modelp_free(struct route_model **model)
{
    *model = route_model_free(*model);
}

static void checksum_set(struct image_segment_ref *ref, const char *bytes)
{
    ref->checksum = hash_block(span_of(bytes, ref->size_bytes));
}

/* A host whose clients cannot be checked lets nobody in. */
static void client_auths_mend(struct image_segment_view *shard)
{
    struct image_client_auth *auths =
        (struct image_client_auth *)shard->at[IMAGE_SECTION_CLIENT_AUTHS];

    for (uint32_t i = 0; i < shard->count[IMAGE_SECTION_CLIENT_AUTHS]; i++) {
        if (auths[i].authorities_id == 0)
            continue;
        auths[i].authorities_id = 0;
        auths[i].mode = ROUTE_CLIENT_AUTH_BROKEN;
    }
}

/* A backend that cannot be verified, or not be shown who asks, is not asked. */
static void backend_tls_mend(struct image_segment_view *shard)
{
    struct image_backend_tls *all =
        (struct image_backend_tls *)shard->at[IMAGE_SECTION_BACKEND_TLS];

    for (uint32_t i = 0; i < shard->count[IMAGE_SECTION_BACKEND_TLS]; i++) {
        if (all[i].certificate_id == 0 && all[i].authorities_id == 0)
            continue;
        all[i].certificate_id = all[i].authorities_id = 0;
        all[i].flags = IMAGE_BACKEND_TLS_BROKEN;
    }
}

static int shard_mend(struct image_segment_ref *ref, char *bytes, struct image_segment_view *shard)
{
    int r = image_segment_resolve(span_of(bytes, ref->size_bytes), IMAGE_ROUTES, shard);

    if (r != IMAGE_OPEN_OK)
        return r;
    struct image_host *hosts = (struct image_host *)shard->at[IMAGE_SECTION_HOSTS];
    for (uint32_t i = 0; i < shard->count[IMAGE_SECTION_HOSTS]; i++)
        hosts[i].certificate_id = hosts[i].other_certificate_id = 0;
    client_auths_mend(shard);
    backend_tls_mend(shard);
    return IMAGE_OPEN_OK;
}

/* The settings lie in the first shard. */
static int routes_mend(struct image_root_block *block, char *const *segments, uint64_t standby_id,
                       bool *ret_has_default)
{
    for (uint32_t i = 0; i < block->root.shards; i++) {
        struct image_segment_ref *ref = &block->refs[image_routes_at(i)];
        char *bytes = segments[image_routes_at(i)];
        struct image_segment_view shard;

        int r = shard_mend(ref, bytes, &shard);
        if (r != IMAGE_OPEN_OK)
            return r;
        if (i == 0) {
            struct image_settings *settings =
                (struct image_settings *)shard.at[IMAGE_SECTION_SETTINGS];
            if (shard.count[IMAGE_SECTION_SETTINGS] != 1)
                return IMAGE_OPEN_CORRUPT;
            *ret_has_default = settings->default_certificate_id != 0;
            if (*ret_has_default)
                settings->default_certificate_id = standby_id;
        }
        checksum_set(ref, bytes);
    }
    return IMAGE_OPEN_OK;
}

/* The segment as the writer would make it of a model that has no certificate but `only` (NULL: none). */
static int secrets_make(struct route_certificate *only, struct image_block_bytes *ret_secrets)
{
    SCOPED(modelp_free) struct route_model *model = route_model_new();
    SCOPED(image_sections_deinit) struct image_sections sections;

    if (only)
        vec_push(&model->certificates, only);
    image_sections_init(&sections, IMAGE_SECRETS, 0);
    image_encode_secrets(&sections, model);
    bool fits =
        image_sections_assemble(&sections, image_segment_bytes_max(IMAGE_SECRETS), ret_secrets);
    return fits ? IMAGE_OPEN_OK : IMAGE_OPEN_CORRUPT;
}

int image_keyless_mend(struct image_root_block *block, char *const *segments,
                       struct route_certificate *standby, struct image_block_bytes *ret_secrets)
{
    struct image_segment_ref *secrets = &block->refs[IMAGE_AT_SECRETS];
    struct image_block_bytes made;
    bool has_default = false;

    int r = routes_mend(block, segments, standby->id, &has_default);
    if (r == IMAGE_OPEN_OK)
        r = secrets_make(has_default ? standby : NULL, &made);
    if (r != IMAGE_OPEN_OK)
        return r;
    secrets->size_bytes = made.len;
    checksum_set(secrets, made.ptr);
    block->root.checksum = image_root_checksum(block);
    *ret_secrets = made;
    return IMAGE_OPEN_OK;
}
