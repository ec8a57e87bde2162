#include "image/writer.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/scope.h"
#include "base/vec.h"
#include "image/encode.h"
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

/* Some of the model's services: those of one shard. */
struct shard_services {
    VEC(struct route_service *) list;
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

/* Grows as soon as there are too many services, but shrinks late: a change of the number rewrites
 * every shard, so a count that swings around a boundary must not change it each time. */
static uint32_t shards_for(uint32_t before, size_t services)
{
    uint32_t wanted = 1;

    while (wanted < IMAGE_SHARDS_MAX && (size_t)wanted * IMAGE_SHARD_SERVICES < services)
        wanted *= 2;
    return wanted > before || wanted * 4 <= before ? wanted : before;
}

static uint32_t shard_of(uint64_t key, uint32_t shards_len)
{
    return (uint32_t)(key >> 32) % shards_len;
}

static int by_key(const void *a, const void *b)
{
    uint64_t left = (*(struct route_service *const *)a)->key;
    uint64_t right = (*(struct route_service *const *)b)->key;

    return (left > right) - (left < right);
}

static bool draft_add(struct draft *draft, uint32_t position, const struct image_sections *sections)
{
    return image_sections_assemble(sections, IMAGE_SEGMENT_BYTES_MAX, &draft->blocks[position]);
}

static bool draft_routes(struct draft *draft, const struct route_model *model)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    image_sections_init(&sections, IMAGE_ROUTES);
    image_encode_routes(&sections, model);
    return draft_add(draft, IMAGE_AT_ROUTES, &sections);
}

static bool draft_secrets(struct draft *draft, const struct route_model *model)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    image_sections_init(&sections, IMAGE_SECRETS);
    image_encode_secrets(&sections, model);
    return draft_add(draft, IMAGE_AT_SECRETS, &sections);
}

/* `services` are the shard's, sorted. */
static bool draft_shard(struct draft *draft, uint32_t shard, const struct shard_services *services)
{
    SCOPED(image_sections_deinit) struct image_sections sections;

    image_sections_init(&sections, IMAGE_ENDPOINTS);
    image_encode_endpoints(&sections, services->list.items, services->list.len);
    return draft_add(draft, IMAGE_AT_ENDPOINTS + shard, &sections);
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
        .checksum = hash_bytes(bytes, 0),
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
        .segments_len = writer->shards_len + IMAGE_AT_ENDPOINTS,
        .generation = writer->generation,
        .endpoint_shards = writer->shards_len,
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
    uint32_t segments_len = draft->shards_len + IMAGE_AT_ENDPOINTS;
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

/* The model's services, dealt out. */
struct deal {
    struct shard_services shards[IMAGE_SHARDS_MAX];
};

static void deal_deinit(struct deal *deal)
{
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++)
        vec_deinit(&deal->shards[i].list);
}

static void deal_make(struct deal *deal, const struct route_model *model, uint32_t shards_len)
{
    vec_for_each (service, &model->services) {
        struct shard_services *shard = &deal->shards[shard_of((*service)->key, shards_len)];
        vec_push(&shard->list, *service);
    }
    for (uint32_t i = 0; i < shards_len; i++) {
        struct shard_services *shard = &deal->shards[i];
        if (shard->list.len > 0)
            qsort(shard->list.items, shard->list.len, sizeof(shard->list.items[0]), by_key);
    }
}

static void deal_remember(const struct deal *deal, struct image_writer *writer)
{
    for (uint32_t i = 0; i < IMAGE_SHARDS_MAX; i++) {
        writer->shard_keys[i].len = 0;
        vec_for_each (service, &deal->shards[i].list)
            vec_push(&writer->shard_keys[i], (*service)->key);
    }
}

int image_write(struct image_writer *writer, const struct route_model *model,
                struct image_bytes *ret_bytes)
{
    SCOPED(draft_deinit) struct draft draft = { 0 };
    SCOPED(deal_deinit) struct deal deal = { 0 };

    draft.shards_len = shards_for(writer->shards_len, model->services.len);
    deal_make(&deal, model, draft.shards_len);
    if (!draft_routes(&draft, model) || !draft_secrets(&draft, model))
        return IMAGE_WRITE_TOO_LARGE;
    for (uint32_t i = 0; i < draft.shards_len; i++) {
        if (!draft_shard(&draft, i, &deal.shards[i]))
            return IMAGE_WRITE_TOO_LARGE;
    }
    deal_remember(&deal, writer);
    draft_commit(writer, &draft, ret_bytes);
    return IMAGE_WRITE_OK;
}

/* The shard's services, as they are in the model now. */
static void shard_collect(const struct image_writer *writer, const struct route_model *model,
                          uint32_t shard, struct shard_services *ret_services)
{
    ret_services->list.len = 0;
    vec_for_each (key, &writer->shard_keys[shard]) {
        struct route_service *service = idmap_find(&model->services_by_key, *key);
        invariant(service != NULL);
        vec_push(&ret_services->list, service);
    }
}

int image_write_endpoints(struct image_writer *writer, const struct route_model *model,
                          struct route_service *const *services, size_t services_len,
                          struct image_bytes *ret_bytes)
{
    SCOPED(draft_deinit) struct draft draft = { .shards_len = writer->shards_len };
    bool is_touched[IMAGE_SHARDS_MAX] = { false };
    struct shard_services shard = { 0 };
    bool is_complete = true;

    invariant(writer->shards_len > 0); /* image_write() comes first */
    for (size_t i = 0; i < services_len; i++)
        is_touched[shard_of(services[i]->key, writer->shards_len)] = true;
    for (uint32_t i = 0; i < writer->shards_len && is_complete; i++) {
        if (!is_touched[i])
            continue;
        shard_collect(writer, model, i, &shard);
        is_complete = draft_shard(&draft, i, &shard);
    }
    vec_deinit(&shard.list);
    if (!is_complete)
        return IMAGE_WRITE_TOO_LARGE;
    draft_commit(writer, &draft, ret_bytes);
    return IMAGE_WRITE_OK;
}
