/* api/target.h
 *
 * Purpose    Which objects of the API are meant, and the paths that ask for them.
 * Ownership  A target borrows its texts.
 * Roles      controller. */
#ifndef YETT_API_TARGET_H
#define YETT_API_TARGET_H

#include <stdint.h>

#include "base/buf.h"

struct reflector_target {
    struct span base;      /* "/apis/networking.k8s.io/v1", "/api/v1" */
    struct span resource;  /* "ingresses" */
    struct span namespace; /* empty: all, or cluster-scoped */
    struct span name; /* empty: all; else only this one, by a field selector, so that a right by
                              resourceNames is enough */
    struct span label_selector; /* empty: any */
};

/* Appends `text` with all but RFC 3986's unreserved bytes as %XX. */
void target_escape(struct buf *out, struct span text);

/* A page; `token` continues a list, `limit` 0: all in one. */
void target_list_path(const struct reflector_target *target, uint32_t limit, struct span token,
                      struct buf *out);
/* A watch, with bookmarks, for `timeout_s`; from `resource_version` on, or, where it is empty, a streaming
 * list first. */
void target_watch_path(const struct reflector_target *target, struct span resource_version,
                       uint32_t timeout_s, struct buf *out);

#endif
