/* api/list_page.h
 *
 * Purpose    A page of a list, in whatever pieces it comes → its items, one JSON text each, and its
 *            metadata. So that neither a page nor a tree of it is ever held: only the item that a piece
 *            ended in.
 * Ownership  An item borrows until the callback returns; the metadata until the next reset.
 * Lifetime   list_page_init() … list_page_deinit(), not from within a callback.
 * Limits     An item longer than `item_max` is passed over and told as such; metadata of more than
 *            LIST_PAGE_METADATA_MAX, or nesting below LIST_PAGE_DEPTH_MAX, spoils the page.
 * Errors     list_page_is_whole() is false of a page that was cut off or is no JSON object. Items are
 *            only cut out here, and judged by who reads them. */
#ifndef YETT_API_LIST_PAGE_H
#define YETT_API_LIST_PAGE_H

#include <stdint.h>

#include "base/buf.h"

enum { LIST_PAGE_METADATA_MAX = 64 << 10, LIST_PAGE_DEPTH_MAX = 10000 };

struct list_page_events {
    void (*on_item)(void *ctx, struct span json);
    void (*on_oversized)(void *ctx);
};

/* Which member of the page's object is being read. */
enum list_page_member { LIST_PAGE_OTHER, LIST_PAGE_ITEMS, LIST_PAGE_METADATA };

struct list_page {
    size_t item_max;
    uint32_t depth; /* of open lists and maps; 1: in the page's object */
    bool is_in_string, is_escaped;
    bool is_key; /* what stands next in the page's object is a key */
    bool is_spoilt, is_closed, is_stopped;
    enum list_page_member member;
    char key[16];       /* of the page's object, as far as it fits */
    size_t key_len;     /* larger than `key`: none of ours */
    bool is_kept;       /* the value under way is an item, or metadata */
    bool is_oversized;  /* and longer than it may be */
    struct buf partial; /* what earlier pieces held of it */
    struct buf metadata;
};

void list_page_init(struct list_page *page, size_t item_max);
void list_page_deinit(struct list_page *page);
void list_page_reset(struct list_page *page);
/* Until the next reset, nothing more is told; from within a callback too. */
void list_page_stop(struct list_page *page);

void list_page_feed(struct list_page *page, struct span bytes,
                    const struct list_page_events *events, void *ctx);

bool list_page_is_whole(const struct list_page *page);
/* The text of `metadata`; empty: there was none. */
struct span list_page_metadata(const struct list_page *page);

#endif
