#include "image/writer.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/vec.h"
#include "image/encode.h"
#include "image/lookup.h"
#include "image/segment.h"

/* An image is drafted aside, segment by segment, and taken over only when all of it is there. A
 * drafted segment whose bytes are those of the image before falls away again: so its generation
 * stays, and workers keep the mapping that they have. */

struct kept {
    struct image_block_bytes block;
    uint64_t generation, checksum;
};

struct image_writer {
    uint64_t generation;
    uint32_t shards_len; /* 0: nothing written yet */
    struct kept segments[IMAGE_SEGMENTS_MAX];
    VEC(uint64_t) shard_keys[IMAGE_SHARDS_MAX]; /* each shard's services, sorted */
    struct image_root_block root;
};

struct draft {
    uint32_t shards_len;
    struct image_block_bytes blocks[IMAGE_SEGMENTS_MAX]; /* ptr NULL: not written anew */
};

/* What of the model lies in one shard, or that part of it which is written. */
struct shard {
    bool has_routes, has_endpoints; /* to be written */
    VEC(struct route_host *) hosts;
    VEC(struct route_service *) services;
};

struct deal {
    struct shard shards[IMAGE_SHARDS_MAX];
    bool has_secrets; /* to be written */
};

/* Frees what may be a private key's last copy here. */
static void block_free(struct image_block_bytes *block, uint32_t position)
{
    if (block->ptr && image_kind_at(position) == IMAGE_SECRETS)
        explicit_bzero(block->ptr, block->len);
    block->ptr = mem_free(block->ptr);
    block->len = 0;
}

static void draft_deinit(struct draft *draft)
{
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        block_free(&draft->blocks[i], i);
}

struct image_writer *image_writer_new(void)
{
    return mem_alloc_zero(sizeof(struct image_writer));
}

struct image_writer *image_writer_free(struct image_writer *writer)
{
    if (!writer)
        return NULL;
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        block_free(&writer->segments[i].block, i);
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++)
        vec_deinit(&writer->shard_keys[i]);
    return mem_free(writer);
}

void image_writer_set_generation(struct image_writer *writer, uint64_t generation)
{
    writer->generation = MAX(writer->generation, generation);
}

/* Grows as soon as there are too many objects, but shrinks late: a change of the number rewrites
 * every shard, so a count that swings around a boundary must not change it each time. */
static uint32_t shards_for(uint32_t before, const struct route_model *model)
{
    size_t objects = MAX(model->hosts.len, model->services.len);
    uint32_t wanted = 1;

    while (wanted < IMAGE_SHARDS_MAX && (size_t)wanted * IMAGE_SHARD_OBJECTS < objects)
        wanted *= 2;
    return wanted > before || wanted * 4 <= before ? wanted : before;
}

static int by_key(const void *a, const void *b)
{
    uint64_t left = (*(struct route_service *const *)a)->key;
    uint64_t right = (*(struct route_service *const *)b)->key;

    return (left > right) - (left < right);
}

/* Names, then wildcards, then the host without a name: as they are asked. */
static int host_rank(struct span name)
{
    if (span_is_empty(name))
        return 2;
    return name.ptr[0] == '*' ? 1 : 0;
}

static int by_name(const void *a, const void *b)
{
    struct span left = (*(struct route_host *const *)a)->name;
    struct span right = (*(struct route_host *const *)b)->name;
    int by_rank = host_rank(left) - host_rank(right);

    return by_rank ? by_rank : span_cmp(left, right);
}

static bool draft_add(struct draft *draft, uint32_t position, const struct image_sections *sections)
{
    return image_sections_assemble(sections, image_segment_bytes_max(sections->kind),
                                   &draft->blocks[position]);
}

static bool draft_secrets(struct draft *draft, const struct route_model *model)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    image_sections_init(&sections, IMAGE_SECRETS, 0);
    image_encode_secrets(&sections, model);
    return draft_add(draft, IMAGE_AT_SECRETS, &sections);
}

static bool draft_routes(struct draft *draft, const struct route_model *model, uint32_t shard,
                         struct shard *its)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    if (its->hosts.len > 1)
        qsort(its->hosts.items, its->hosts.len, sizeof(its->hosts.items[0]), by_name);
    image_sections_init(&sections, IMAGE_ROUTES, shard);
    image_encode_routes(&sections, model, its->hosts.items, its->hosts.len);
    return draft_add(draft, image_routes_at(shard), &sections);
}

static bool draft_endpoints(struct draft *draft, uint32_t shard, struct shard *its)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    if (its->services.len > 1)
        qsort(its->services.items, its->services.len, sizeof(its->services.items[0]), by_key);
    image_sections_init(&sections, IMAGE_ENDPOINTS, shard);
    image_encode_endpoints(&sections, its->services.items, its->services.len);
    return draft_add(draft, image_endpoints_at(shard), &sections);
}

static bool draft_shards(struct draft *draft, const struct route_model *model, struct deal *deal)
{
    for (uint32_t i = 0; i < draft->shards_len; i++) {
        struct shard *its = &deal->shards[i];

        if (its->has_routes && !draft_routes(draft, model, i, its))
            return false;
        if (its->has_endpoints && !draft_endpoints(draft, i, its))
            return false;
    }
    return true;
}

/* Takes the drafted block at `position` over, unless it says what is there already. Returns whether
 * it is news. */
static bool segment_take(struct image_writer *writer, struct draft *draft, uint32_t position)
{
    struct image_block_bytes *drafted = &draft->blocks[position];
    struct kept *kept = &writer->segments[position];
    struct span bytes = span_of(drafted->ptr, drafted->len);

    if (!drafted->ptr ||
        (kept->block.ptr && span_eq(bytes, span_of(kept->block.ptr, kept->block.len))))
        return false;
    block_free(&kept->block, position);
    *kept = (struct kept){
        .block = { TAKE(drafted->ptr), bytes.len },
        .generation = writer->generation,
        .checksum = hash_block(bytes),
    };
    return true;
}

static void root_write(struct image_writer *writer)
{
    struct image_root_block *block = &writer->root;

    *block = (struct image_root_block){ 0 };
    block->root = (struct image_root){
        .magic = IMAGE_MAGIC_ROOT,
        .version = IMAGE_FORMAT_VERSION,
        .segments_len = image_segments_for(writer->shards_len),
        .generation = writer->generation,
        .shards = writer->shards_len,
    };
    for (uint32_t i = 0; i < block->root.segments_len; i++) {
        block->refs[i] = (struct image_segment_ref){
            .kind = image_kind_at(i),
            .shard = image_shard_at(i),
            .generation = writer->segments[i].generation,
            .size_bytes = writer->segments[i].block.len,
            .checksum = writer->segments[i].checksum,
        };
    }
    block->root.checksum = image_root_checksum(block);
}

/* The draft becomes the newest image. Nothing here can fail. */
static void draft_commit(struct image_writer *writer, struct draft *draft,
                         struct image_bytes *ret_bytes)
{
    uint32_t segments_len = image_segments_for(draft->shards_len);
    struct image_bytes bytes = { .segments_len = segments_len };

    writer->generation++;
    writer->shards_len = draft->shards_len;
    for (uint32_t i = 0; i < segments_len; i++)
        bytes.is_new[i] = segment_take(writer, draft, i);
    for (uint32_t i = segments_len; i < IMAGE_SEGMENTS_MAX; i++)
        block_free(&writer->segments[i].block, i);
    root_write(writer);

    bytes.generation = writer->generation;
    bytes.root = span_of((const char *)&writer->root, image_root_bytes(segments_len));
    for (uint32_t i = 0; i < segments_len; i++)
        bytes.segments[i] = span_of(writer->segments[i].block.ptr, writer->segments[i].block.len);
    *ret_bytes = bytes;
}

static void deal_deinit(struct deal *deal)
{
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++) {
        vec_deinit(&deal->shards[i].hosts);
        vec_deinit(&deal->shards[i].services);
    }
}

static void deal_mark_all(struct deal *deal)
{
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++)
        deal->shards[i].has_routes = deal->shards[i].has_endpoints = true;
    deal->has_secrets = true;
}

static void deal_mark(struct deal *deal, const struct route_changes *changes, uint32_t shards_len)
{
    deal->has_secrets = changes->secrets;
    deal->shards[0].has_routes = changes->settings;
    vec_for_each (name, &changes->hosts)
        deal->shards[image_shard_of(image_name_hash(*name), shards_len)].has_routes = true;
    vec_for_each (key, &changes->services)
        deal->shards[image_shard_of(*key, shards_len)].has_endpoints = true;
}

static void deal_make(struct deal *deal, const struct route_model *model, uint32_t shards_len)
{
    vec_for_each (host, &model->hosts) {
        uint64_t hash = image_name_hash((*host)->name);
        struct shard *shard = &deal->shards[image_shard_of(hash, shards_len)];
        if (shard->has_routes)
            vec_push(&shard->hosts, *host);
    }
    vec_for_each (service, &model->services) {
        struct shard *shard = &deal->shards[image_shard_of((*service)->key, shards_len)];
        if (shard->has_endpoints)
            vec_push(&shard->services, *service);
    }
}

static void deal_remember(const struct deal *deal, struct image_writer *writer)
{
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++) {
        if (!deal->shards[i].has_endpoints)
            continue;
        writer->shard_keys[i].len = 0;
        vec_for_each (service, &deal->shards[i].services)
            vec_push(&writer->shard_keys[i], (*service)->key);
    }
}

/* Writes what is marked in `deal`. */
static int marked_write(struct image_writer *writer, const struct route_model *model,
                        struct deal *deal, uint32_t shards_len, struct image_bytes *ret_bytes)
{
    SCOPED(draft_deinit) struct draft draft = { .shards_len = shards_len };

    deal_make(deal, model, shards_len);
    if ((deal->has_secrets && !draft_secrets(&draft, model)) || !draft_shards(&draft, model, deal))
        return IMAGE_WRITE_TOO_LARGE;
    deal_remember(deal, writer);
    draft_commit(writer, &draft, ret_bytes);
    return IMAGE_WRITE_OK;
}

int image_write(struct image_writer *writer, const struct route_model *model,
                struct image_bytes *ret_bytes)
{
    SCOPED(deal_deinit) struct deal deal = { 0 };

    deal_mark_all(&deal);
    return marked_write(writer, model, &deal, shards_for(writer->shards_len, model), ret_bytes);
}

int image_write_changes(struct image_writer *writer, const struct route_model *model,
                        const struct route_changes *changes, struct image_bytes *ret_bytes)
{
    SCOPED(deal_deinit) struct deal deal = { 0 };
    uint32_t shards_len = shards_for(writer->shards_len, model);

    if (shards_len == writer->shards_len)
        deal_mark(&deal, changes, shards_len);
    else
        deal_mark_all(&deal);
    return marked_write(writer, model, &deal, shards_len, ret_bytes);
}

/* The shard's services, as they are in the model now. */
static void shard_collect(const struct image_writer *writer, const struct route_model *model,
                          uint32_t shard, struct shard *its)
{
    vec_for_each (key, &writer->shard_keys[shard]) {
        struct route_service *service = idmap_find(&model->services_by_key, *key);
        invariant(service != NULL);
        vec_push(&its->services, service);
    }
}

int image_write_endpoints(struct image_writer *writer, const struct route_model *model,
                          struct route_service *const *services, size_t services_len,
                          struct image_bytes *ret_bytes)
{
    SCOPED(draft_deinit) struct draft draft = { .shards_len = writer->shards_len };
    SCOPED(deal_deinit) struct deal deal = { 0 };

    invariant(writer->shards_len > 0); /* image_write() comes first */
    for (size_t i = 0; i < services_len; i++)
        deal.shards[image_shard_of(services[i]->key, writer->shards_len)].has_endpoints = true;
    for (uint32_t i = 0; i < writer->shards_len; i++) {
        if (deal.shards[i].has_endpoints)
            shard_collect(writer, model, i, &deal.shards[i]);
    }
    if (!draft_shards(&draft, model, &deal))
        return IMAGE_WRITE_TOO_LARGE;
    draft_commit(writer, &draft, ret_bytes);
    return IMAGE_WRITE_OK;
}
