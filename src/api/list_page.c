#include "api/list_page.h"

#include "api/json_text.h"

/* Only brackets, strings and, in the page's object itself, keys are looked at. A value that is kept
 * starts at its first byte and ends before the comma or bracket that follows it on its own level:
 *
 *   {"kind":"IngressList","metadata":{…},"items":[{…},{…}]}
 *   depth 1                          1..2..1     2 3…2    1 0
 */

struct feed {
    struct list_page *page;
    const struct list_page_events *events;
    void *ctx;
    const char *at, *end;
    const char *kept_from; /* where in this piece the value that is kept goes on */
};

void list_page_init(struct list_page *page, size_t item_max)
{
    *page = (struct list_page){ .item_max = item_max };
}

void list_page_deinit(struct list_page *page)
{
    buf_deinit(&page->partial);
    buf_deinit(&page->metadata);
}

void list_page_reset(struct list_page *page)
{
    size_t item_max = page->item_max;

    list_page_deinit(page);
    list_page_init(page, item_max);
}

void list_page_stop(struct list_page *page)
{
    page->is_stopped = true;
}

bool list_page_is_whole(const struct list_page *page)
{
    return page->is_closed && !page->is_spoilt;
}

struct span list_page_metadata(const struct list_page *page)
{
    return buf_span(&page->metadata);
}

/* ---- values that are kept ----------------------------------------------------------------------
 */

static bool is_item_level(const struct list_page *page)
{
    return page->member == LIST_PAGE_ITEMS && page->depth == 2;
}

static bool is_metadata_level(const struct list_page *page)
{
    return page->member == LIST_PAGE_METADATA && page->depth == 1 && !page->is_key;
}

/* A byte that is no space begins a value where one is wanted. */
static void kept_begin(struct feed *feed)
{
    struct list_page *page = feed->page;

    if (page->is_kept || !(is_item_level(page) || is_metadata_level(page)))
        return;
    page->is_kept = true;
    feed->kept_from = feed->at;
}

/* What this piece holds of the value, up to feed->at, joins what earlier ones held. */
static void kept_store(struct feed *feed)
{
    struct list_page *page = feed->page;
    size_t max = page->member == LIST_PAGE_ITEMS ? page->item_max : LIST_PAGE_METADATA_MAX;
    size_t len = (size_t)(feed->at - feed->kept_from);

    if (page->partial.len + len > max)
        page->is_oversized = true;
    if (page->is_oversized)
        buf_deinit(&page->partial);
    else
        buf_append(&page->partial, span_of(feed->kept_from, len));
}

static void item_end(struct feed *feed)
{
    struct list_page *page = feed->page;
    struct span item = span_of(feed->kept_from, (size_t)(feed->at - feed->kept_from));
    struct buf whole = { 0 };

    if (page->partial.len || page->is_oversized || item.len > page->item_max) {
        kept_store(feed);
        whole = page->partial;
        page->partial = (struct buf){ 0 };
        item = buf_span(&whole);
    }
    bool is_oversized = page->is_oversized;
    page->is_oversized = false;
    if (is_oversized)
        feed->events->on_oversized(feed->ctx);
    else
        feed->events->on_item(feed->ctx, item);
    buf_deinit(&whole);
}

/* Before the comma or bracket that ends a value on its own level. */
static void kept_end(struct feed *feed)
{
    struct list_page *page = feed->page;

    if (!page->is_kept || !(is_item_level(page) || is_metadata_level(page)))
        return;
    page->is_kept = false;
    if (page->member == LIST_PAGE_ITEMS) {
        item_end(feed);
        return;
    }
    kept_store(feed);
    page->is_spoilt |= page->is_oversized || page->metadata.len;
    buf_deinit(&page->metadata);
    page->metadata = page->partial;
    page->partial = (struct buf){ 0 };
    page->is_oversized = false;
}

/* ---- structure ---------------------------------------------------------------------------------
 */

static void key_begin(struct list_page *page)
{
    page->is_key = true;
    page->key_len = 0;
    page->member = LIST_PAGE_OTHER;
}

static void key_add(struct list_page *page, const char *at, size_t len)
{
    if (page->key_len + len <= sizeof(page->key) && len)
        memcpy(page->key + page->key_len, at, len);
    page->key_len += len;
}

static void key_end(struct list_page *page)
{
    struct span key = span_of(page->key, page->key_len);

    page->is_key = false;
    if (page->key_len > sizeof(page->key))
        return;
    if (span_eq(key, SPAN("items")))
        page->member = LIST_PAGE_ITEMS;
    else if (span_eq(key, SPAN("metadata")))
        page->member = LIST_PAGE_METADATA;
}

/* From within a string to its end, or to that of the piece. */
static void string_feed(struct feed *feed)
{
    struct list_page *page = feed->page;

    while (feed->at < feed->end) {
        const char *from = feed->at;
        if (page->is_escaped) {
            page->is_escaped = false;
            feed->at++;
            continue;
        }
        feed->at = json_text_plain_end(from, feed->end);
        if (page->depth == 1 && page->is_key)
            key_add(page, from, (size_t)(feed->at - from));
        if (feed->at == feed->end)
            return;
        page->is_escaped = *feed->at == '\\';
        page->is_in_string = page->is_escaped;
        if (page->is_escaped && page->depth == 1 && page->is_key)
            key_add(page, feed->at, 1);
        feed->at++;
        if (!page->is_in_string)
            return;
    }
}

static void open_feed(struct feed *feed)
{
    struct list_page *page = feed->page;

    if (page->depth == 0) {
        page->is_spoilt |= *feed->at != '{' || page->is_closed;
        key_begin(page);
    } else {
        kept_begin(feed);
    }
    page->is_spoilt |= ++page->depth > LIST_PAGE_DEPTH_MAX;
    /* "items" that is a map has no items to be had. */
    if (page->depth == 2 && page->member == LIST_PAGE_ITEMS && *feed->at != '[') {
        page->member = LIST_PAGE_OTHER;
        page->is_spoilt = true;
    }
}

static void close_feed(struct feed *feed)
{
    struct list_page *page = feed->page;

    kept_end(feed);
    if (page->depth == 0) {
        page->is_spoilt = true;
        return;
    }
    if (--page->depth == 0)
        page->is_closed = true;
}

static void byte_feed(struct feed *feed)
{
    struct list_page *page = feed->page;

    switch (*feed->at) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return;
    case '"':
        kept_begin(feed);
        page->is_in_string = true;
        return;
    case '{':
    case '[':
        open_feed(feed);
        return;
    case '}':
    case ']':
        close_feed(feed);
        return;
    case ',':
        kept_end(feed);
        if (page->depth == 1)
            key_begin(page);
        return;
    case ':':
        if (page->depth == 1 && page->is_key)
            key_end(page);
        return;
    default:
        kept_begin(feed);
        page->is_spoilt |= page->depth == 0;
    }
}

void list_page_feed(struct list_page *page, struct span bytes,
                    const struct list_page_events *events, void *ctx)
{
    struct feed feed = { page, events, ctx, bytes.ptr, bytes.ptr + bytes.len, bytes.ptr };

    while (feed.at < feed.end && !page->is_spoilt && !page->is_stopped) {
        if (page->is_in_string) {
            string_feed(&feed);
        } else {
            byte_feed(&feed);
            feed.at++;
        }
    }
    if (page->is_kept && !page->is_spoilt && !page->is_stopped)
        kept_store(&feed);
}
