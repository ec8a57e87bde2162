#include "keeper/load.h"

#include <errno.h>

#include "base/hash.h"
#include "base/scope.h"
#include "image/keyless.h"
#include "image/publish.h"
#include "image/verify.h"
#include "keeper/files.h"
#include "keeper/format.h"
#include "tls/certificate.h"

/* The image while it is read: root and segments on the heap, where they can be mended. */
struct reading {
    struct image_root_block block;
    char *segments[IMAGE_SEGMENTS_MAX];
};

static void reading_deinit(struct reading *reading)
{
    char *secrets = reading->segments[IMAGE_AT_SECRETS];

    if (secrets)
        explicit_bzero(secrets, reading->block.refs[IMAGE_AT_SECRETS].size_bytes);
    for (uint32_t i = 0; i < IMAGE_SEGMENTS_MAX; i++)
        mem_free(reading->segments[i]);
}

static int damaged(const char *what, const char **ret_what)
{
    *ret_what = what;
    return LOAD_DAMAGED;
}

static int head_check(const char *bytes, size_t bytes_len, uint64_t flags, const char **ret_what)
{
    struct proc_build_id build = proc_build_id_get();
    struct state_head head;

    if (bytes_len < sizeof(head))
        return damaged("the file is cut short", ret_what);
    memcpy(&head, bytes, sizeof(head));
    if (head.magic != STATE_MAGIC) {
        *ret_what = "the file is of another format";
        return LOAD_FOREIGN;
    }
    if (memcmp(&head.build, &build, sizeof(build)) != 0) {
        *ret_what = "another build of yett wrote it";
        return LOAD_FOREIGN;
    }
    if (head.flags != flags) {
        *ret_what = "other flags made it";
        return LOAD_FOREIGN;
    }
    if (head.root_bytes != bytes_len - sizeof(head) || head.reserved != 0)
        return damaged("the file has another size than it says", ret_what);
    return LOAD_OK;
}

static int root_load(int dir, uint64_t flags, struct image_root_block *ret_block,
                     const char **ret_what)
{
    char bytes[sizeof(struct state_head) + sizeof(*ret_block)];
    size_t len = 0;

    int r = files_size(dir, STATE_IMAGE, &len);
    if (r == -ENOENT)
        return LOAD_NOTHING;
    if (r == 0 && len > sizeof(bytes))
        r = -EBADMSG;
    if (r == 0)
        r = files_read(dir, STATE_IMAGE, bytes, len);
    if (r == -EBADMSG)
        return damaged("the file is none that yett wrote", ret_what);
    if (r < 0)
        return r;
    r = head_check(bytes, len, flags, ret_what);
    if (r != LOAD_OK)
        return r;
    struct span root = span_from(span_of(bytes, len), sizeof(struct state_head));
    if (image_root_read(root, ret_block) != IMAGE_OPEN_OK)
        return damaged("the root of the image does not hold", ret_what);
    return LOAD_OK;
}

static int segment_load(int dir, struct reading *reading, uint32_t position, const char **ret_what)
{
    const struct image_segment_ref *ref = &reading->block.refs[position];
    SCOPED(buf_deinit) struct buf name = { 0 };
    size_t len = 0;

    state_segment_name(&reading->block, position, &name);
    buf_append_byte(&name, '\0');
    int r = files_size(dir, name.ptr, &len);
    if (r == 0 && len != ref->size_bytes)
        r = -EBADMSG;
    if (r == 0) { /* only now: what a file says of itself is no reason to take so much memory */
        reading->segments[position] = mem_alloc(len);
        r = files_read(dir, name.ptr, reading->segments[position], len);
    }
    if (r == -ENOENT || r == -EBADMSG)
        return damaged("a segment is missing, or has another size than the root says", ret_what);
    if (r < 0)
        return r;
    if (hash_block(span_of(reading->segments[position], len)) != ref->checksum)
        return damaged("a segment has another checksum than the root says", ret_what);
    return LOAD_OK;
}

static int segments_load(int dir, struct reading *reading, const char **ret_what)
{
    for (uint32_t i = 1; i < reading->block.root.segments_len; i++) {
        int r = segment_load(dir, reading, i, ret_what);
        if (r != LOAD_OK)
            return r;
    }
    return LOAD_OK;
}

/* Clients that trusted the generated certificate meet another one: its key is a key, too. */
static int keyless_mend(struct reading *reading, const char **ret_what)
{
    SCOPED(buf_deinit) struct buf chain_pem = { 0 };
    SCOPED(buf_deinit) struct buf key_pem = { 0 };
    struct image_block_bytes secrets = { 0 };

    int r = tls_pair_generate(&chain_pem, &key_pem);
    if (r < 0)
        return r;
    struct route_certificate standby = {
        .id = hash_bytes(buf_span(&chain_pem), 1) | 1, /* 0 is none */
        .chain_pem = buf_span(&chain_pem),
        .key_pem = buf_span(&key_pem),
    };
    r = image_keyless_mend(&reading->block, reading->segments, &standby, &secrets);
    explicit_bzero(key_pem.ptr, key_pem.len);
    if (r != IMAGE_OPEN_OK)
        return damaged("a segment's sections do not hold", ret_what);
    reading->segments[IMAGE_AT_SECRETS] = secrets.ptr;
    return LOAD_OK;
}

static int publish(const struct reading *reading, struct image_fds *ret_fds)
{
    const struct image_root_block *block = &reading->block;
    struct image_bytes bytes = {
        .root = span_of((const char *)block, image_root_bytes(block->root.segments_len)),
        .segments_len = block->root.segments_len,
        .generation = block->root.generation,
    };

    for (uint32_t i = 0; i < bytes.segments_len; i++)
        bytes.segments[i] = span_of(reading->segments[i], block->refs[i].size_bytes);
    return image_publish(&bytes, NULL, ret_fds);
}

/* As a worker opens it, and all that a worker takes for granted. */
static int verify(const struct image_fds *fds, const char **ret_what)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;

    int r = image_view_open(fds, NULL, &view);
    if (r < 0)
        return r;
    if (r != IMAGE_OPEN_OK)
        return damaged("the image does not open", ret_what);
    return image_verify(view, ret_what) ? LOAD_OK : LOAD_DAMAGED;
}

int load_image(int dir, uint64_t flags, struct loaded *ret_loaded, const char **ret_what)
{
    SCOPED(reading_deinit) struct reading reading = { 0 };
    SCOPED(image_fds_close) struct image_fds fds = { .root = -1 };

    int r = root_load(dir, flags, &reading.block, ret_what);
    if (r == LOAD_OK)
        r = segments_load(dir, &reading, ret_what);
    struct image_root_block on_disk = reading.block;
    if (r == LOAD_OK)
        r = keyless_mend(&reading, ret_what);
    if (r == LOAD_OK)
        r = publish(&reading, &fds);
    if (r == LOAD_OK)
        r = verify(&fds, ret_what);
    if (r != LOAD_OK)
        return r;

    *ret_loaded = (struct loaded){ fds, reading.block.root.generation, on_disk };
    fds = (struct image_fds){ .root = -1 };
    return LOAD_OK;
}
