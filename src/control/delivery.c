#include "control/delivery.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/scope.h"
#include "image/publish.h"
#include "image/verify.h"
#include "keeper/publish.h"

void delivery_init(struct delivery *delivery, int channel)
{
    *delivery = (struct delivery){ .channel = channel };
}

void delivery_deinit(struct delivery *delivery)
{
    delivery_forget(delivery);
}

void delivery_forget(struct delivery *delivery)
{
    if (delivery->has_newest)
        image_fds_close(&delivery->fds);
    delivery->has_newest = false;
    delivery->newest = image_view_unref(delivery->newest);
}

bool delivery_is_news(const struct delivery *delivery, const struct image_bytes *bytes)
{
    if (!delivery->has_newest)
        return true;
    for (uint32_t i = 0; i < bytes->segments_len; i++) {
        if (bytes->is_new[i])
            return true;
    }
    return false;
}

/* The checksums of the segments. */
static uint64_t bytes_hash(const struct image_bytes *bytes)
{
    struct image_segment_ref ref;
    uint64_t hash = 0;

    for (uint32_t i = 0; i < bytes->segments_len; i++) {
        memcpy(&ref, bytes->root.ptr + sizeof(struct image_root) + i * sizeof(ref), sizeof(ref));
        hash = hash_combine(hash, ref.checksum);
    }
    return hash;
}

static bool image_holds(const struct delivery *delivery, const struct image_fds *fds,
                        struct image_view **ret_view)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    const char *what = "";
    int r = image_view_open(fds, delivery->newest, &view);

    if (r != IMAGE_OPEN_OK) {
        log_error("image_does_not_open", F_INT("result", r));
        return false;
    }
    if (!image_verify_changes(view, delivery->newest, &what)) {
        log_error("image_does_not_verify", F_STR("what", what));
        return false;
    }
    *ret_view = TAKE(view);
    return true;
}

static bool image_send(const struct delivery *delivery, const struct image_fds *fds,
                       const struct image_view *view)
{
    struct proc_message message;

    publish_message(fds, view, &message);
    int r = proc_channel_send(delivery->channel, &message);
    if (r < 0)
        log_error("image_not_sent", F_ERRNO(r));
    return r >= 0;
}

static void fds_closep(struct image_fds **fds)
{
    if (*fds)
        image_fds_close(*fds);
}

bool delivery_send(struct delivery *delivery, const struct image_bytes *bytes)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    struct image_fds fds;
    int r = image_publish(bytes, delivery->has_newest ? &delivery->fds : NULL, &fds);

    if (r < 0) {
        log_error("image_not_sealed", F_ERRNO(r));
        return false;
    }
    SCOPED(fds_closep) struct image_fds *fds_guard = &fds;
    if (!image_holds(delivery, &fds, &view) || !image_send(delivery, &fds, view))
        return false;
    delivery_forget(delivery);
    delivery->fds = fds;
    delivery->has_newest = true;
    fds_guard = NULL;
    delivery->newest = TAKE(view);
    delivery->newest_hash = bytes_hash(bytes);
    return true;
}
