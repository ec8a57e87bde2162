#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "image/dump.h"
#include "image/match.h"
#include "image/segment.h"
#include "image/verify.h"
#include "image/view.h"

/* What the verifier passes, nothing that a worker does may stop at.
 *
 * Input: for each of routes, secrets and one shard, its length (32 bits, little-endian; the last takes
 * the rest) and its bytes. The root is made here with sizes and checksums that fit, which no fuzzer
 * would guess; the input as a root is tried too. */

enum { SEGMENTS = IMAGE_AT_ENDPOINTS + 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool header_find(const void *ctx, struct span name, struct span *ret_value)
{
    (void)ctx;
    *ret_value = SPAN("always");
    return name.len % 2 == 0;
}

static void match(const struct image_view *view, struct span host, struct span path)
{
    struct arena arena;
    struct image_trace trace = { .arena = &arena };
    struct image_request request = { host, path, SPAN("GET"), header_find, NULL };
    struct image_match found;
    uint64_t ids[2];

    arena_init(&arena, 1024);
    int r = image_match(view, &request, &trace, &found);
    if (r != IMAGE_MATCH_NONE)
        (void)image_backend_choose(view, found.rule, UINT32_MAX);
    image_certificates_for(view, host, ids);
    (void)image_certificate_find(view, ids[0]);
    vec_deinit(&trace.steps);
    arena_deinit(&arena);
}

/* Requests for all that the image itself names, and for what it may not have. */
static void use(const struct image_view *view)
{
    struct buf out = { 0 };

    image_dump(view, &out);
    buf_deinit(&out);
    match(view, SPAN("x.example.com"), SPAN("/deep/er/path/x/"));
    match(view, SPAN_EMPTY, SPAN("*"));
    image_for_each(i, view, IMAGE_SECTION_PATHS)
    {
        const struct image_path *path = image_path_get(view, i);
        struct span host = image_str_get(view, image_host_get(view, path->host)->name);
        match(view, host, image_str_get(view, path->path));
        match(view, span_from(host, 1), SPAN("/a/b/c"));
    }
    image_for_each(i, view, IMAGE_SECTION_SERVICES)(void)
        image_endpoints_find(view, image_service_get(view, i)->key);
}

static void open_and_use(struct span root, const struct span *segments)
{
    struct image_view *view = NULL;
    const char *what;

    if (image_view_open_bytes(root, segments, SEGMENTS, &view) != IMAGE_OPEN_OK)
        return;
    if (image_verify(view, &what))
        use(view);
    image_view_unref(view);
}

/* Cuts the next segment off *rest into a copy of its own, with the right size in its header. */
static struct span segment_take(struct span *rest, bool is_last)
{
    uint32_t len = UINT32_MAX;

    if (!is_last && rest->len >= sizeof(len)) {
        memcpy(&len, rest->ptr, sizeof(len));
        *rest = span_from(*rest, sizeof(len));
    }
    struct span segment = span_upto(*rest, len);
    *rest = span_from(*rest, segment.len);

    char *copy = mem_alloc(segment.len);
    memcpy(copy, segment.ptr, segment.len);
    if (segment.len >= sizeof(struct image_segment))
        ((struct image_segment *)copy)->size_bytes = segment.len;
    return span_of(copy, segment.len);
}

static void root_make(const struct span *segments, struct image_root_block *ret_block)
{
    *ret_block = (struct image_root_block){ 0 };
    ret_block->root = (struct image_root){ .magic = IMAGE_MAGIC_ROOT,
                                           .version = IMAGE_FORMAT_VERSION,
                                           .segments_len = SEGMENTS,
                                           .generation = 1,
                                           .shards = 1 };
    for (uint32_t i = 0; i < SEGMENTS; i++)
        ret_block->refs[i] = (struct image_segment_ref){ .kind = image_kind_at(i),
                                                         .generation = 1,
                                                         .size_bytes = segments[i].len,
                                                         .checksum = hash_block(segments[i]) };
    ret_block->root.checksum = image_root_checksum(ret_block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of((const char *)data, size);
    struct span segments[SEGMENTS];
    struct image_root_block block;

    for (uint32_t i = 0; i < SEGMENTS; i++)
        segments[i] = segment_take(&rest, i == SEGMENTS - 1);
    root_make(segments, &block);
    open_and_use(span_of((const char *)&block, image_root_bytes(SEGMENTS)), segments);
    open_and_use(span_of((const char *)data, size), segments);
    for (uint32_t i = 0; i < SEGMENTS; i++)
        mem_free((void *)segments[i].ptr);
    return 0;
}
