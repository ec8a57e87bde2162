#include "api/list_page.h"
#include "api/watch_event.h"
#include "api/watch_frame.h"
#include "base/bug.h"

/* Hostile bytes as a watch and as a page of a list, in pieces whose sizes the input chooses. However they
 * are cut, the same comes out. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { VALUE_MAX = 64 };

struct sum {
    uint64_t hash;
    size_t oversized;
};

static void on_text(void *ctx, struct span json)
{
    struct sum *sum = ctx;
    struct watch_event event = watch_event_read(json);
    struct reflector_object object = reflector_object_read(json);

    invariant(json.len <= VALUE_MAX);
    invariant(event.object.name.len <= json.len && object.name.len <= json.len);
    for (size_t i = 0; i < json.len; i++)
        sum->hash = sum->hash * 31 + (unsigned char)json.ptr[i];
    sum->hash = sum->hash * 31 + 257;
}

static void on_oversized(void *ctx)
{
    ((struct sum *)ctx)->oversized++;
}

static const struct watch_frame_events frame_events = { on_text, on_oversized };
static const struct list_page_events page_events = { on_text, on_oversized };

/* Pieces of `step` bytes, or, with 0, all at once. */
static struct sum watch_run(struct span text, size_t step)
{
    struct watch_frame frame;
    struct sum sum = { 0 };

    watch_frame_init(&frame, VALUE_MAX);
    for (; text.len; text = span_from(text, step ? step : text.len))
        watch_frame_feed(&frame, span_upto(text, step ? step : text.len), &frame_events, &sum);
    watch_frame_deinit(&frame);
    return sum;
}

static struct sum page_run(struct span text, size_t step, bool *ret_is_whole)
{
    struct list_page page;
    struct sum sum = { 0 };

    list_page_init(&page, VALUE_MAX);
    for (; text.len; text = span_from(text, step ? step : text.len))
        list_page_feed(&page, span_upto(text, step ? step : text.len), &page_events, &sum);
    *ret_is_whole = list_page_is_whole(&page);
    list_page_deinit(&page);
    return sum;
}

static bool sum_eq(struct sum a, struct sum b)
{
    return a.hash == b.hash && a.oversized == b.oversized;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    size_t step = 1 + data[0] % 32;
    struct span text = span_of((const char *)data + 1, size - 1);
    bool is_whole, is_whole_cut;

    invariant(sum_eq(watch_run(text, 0), watch_run(text, step)));
    invariant(sum_eq(page_run(text, 0, &is_whole), page_run(text, step, &is_whole_cut)));
    invariant(is_whole == is_whole_cut);
    return 0;
}
