/* api/reflector.h
 *
 * Purpose    One kind of object, kept in step with the API server: list in pages (or by a streaming
 *            list), then watch with bookmarks; resumed after a cut, listed anew after 410 Gone; what
 *            vanished meanwhile is told as deleted.
 * Ownership  Borrows client and loop; objects that it tells of borrow until the callback returns.
 * Lifetime   reflector_new() … reflector_free(), from within a callback too.
 * Roles      controller.
 * Limits     REFLECTOR_PAGE objects a page; an event or a page that is larger than REFLECTOR_EVENT_MAX
 *            is a diagnostic, and passed over.
 * Errors     Retried for ever, with decorrelated back-off; the facts say what went wrong last.
 * See        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
 */
#ifndef YETT_API_REFLECTOR_H
#define YETT_API_REFLECTOR_H

#include "api/client.h"

/* Which objects: `base` is "/apis/networking.k8s.io/v1" or "/api/v1", `resource` "ingresses". */
struct reflector_target {
    struct span base, resource;
    struct span namespace; /* empty: all, or cluster-scoped */
    struct span name;      /* empty: all; else only this one, by a field selector */
    struct span label_selector;
};

struct reflector_events {
    /* `json` is one whole object, with apiVersion and kind left out where the server leaves them
     * out (items of a list). Told of objects that are new, that changed, and, after another list, that may
     * be as they were: `resource_version` tells. */
    void (*on_object)(void *ctx, struct span json);
    /* Only metadata counts; the object's last form, as far as the server tells. */
    void (*on_deleted)(void *ctx, struct span namespace, struct span name);
    /* All that there was has been told: after the first list and after each later one. */
    void (*on_synced)(void *ctx);
    /* It stopped being in step, or is so again: `facts` says. For logs and metrics. May be NULL. */
    void (*on_trouble)(void *ctx);
};

struct reflector_facts {
    bool is_synced;  /* was in step once */
    bool is_in_step; /* the watch stands */
    uint64_t lists, watches, events;
    uint32_t status;             /* of the last failure: HTTP, or 0 */
    enum api_call_result result; /* likewise */
    struct span message;         /* likewise; borrowed until the next callback */
};

struct reflector;

/* Starts at the loop's next turn. Copies `target`. */
struct reflector *reflector_new(struct loop *loop, struct api_client *client,
                                const struct reflector_target *target,
                                const struct reflector_events *events, void *ctx);
struct reflector *reflector_free(struct reflector *reflector);
const struct reflector_facts *reflector_facts(const struct reflector *reflector);

#endif
