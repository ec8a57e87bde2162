/* control/api_feed.h
 *
 * Purpose    One kind of object on its way from the API server: what a reflector tells, decoded, freed of
 *            what nobody asks for, and packed.
 * Ownership  Borrows store, loop and client. A packed object goes to the callback.
 * Lifetime   api_feed_new() … api_feed_free(), from within a callback too.
 * Roles      controller.
 * Errors     What cannot be read is a diagnostic of the store; what was read of that object before stays. */
#ifndef YETT_CONTROL_API_FEED_H
#define YETT_CONTROL_API_FEED_H

#include "api/reflector.h"
#include "control/api_store.h"

struct api_feed;

struct api_feed_events {
    /* False: of no interest, and not even decoded. NULL: all are of interest. */
    bool (*wants)(void *ctx, struct span namespace, struct span name);
    /* New or changed, in its version at least; NULL: goes to the store. */
    void (*on_object)(void *ctx, struct kube_object *object);
    /* About to leave the store. NULL: nobody asks. */
    void (*on_gone)(void *ctx, struct span namespace, struct span name);
    /* After each listing. */
    void (*on_synced)(void *ctx, struct api_feed *feed);
    /* The facts of its reflector are others. */
    void (*on_trouble)(void *ctx, struct api_feed *feed);
};

struct api_feed_options {
    enum kube_kind kind;
    struct api_scope scope;
    struct span label_selector;
    struct span annotations_prefix; /* of an Ingress, what else begins otherwise is not kept */
};

/* `events` outlives the feed. */
struct api_feed *api_feed_new(struct loop *loop, struct api_client *client, struct api_store *store,
                              const struct api_feed_options *options,
                              const struct api_feed_events *events, void *ctx);
/* NULL is fine; returns NULL. What it told of stays in the store. */
struct api_feed *api_feed_free(struct api_feed *feed);

/* Known from elsewhere to be there: a listing that is under way may have passed it over as of no interest. */
void api_feed_spare(struct api_feed *feed, struct span namespace, struct span name);
/* As reflector_hurry(). */
void api_feed_hurry(struct api_feed *feed, uint32_t within_ms);
enum kube_kind api_feed_kind(const struct api_feed *feed);
const struct reflector_facts *api_feed_facts(const struct api_feed *feed);
/* The rights are missing, as the API server said last. */
bool api_feed_is_forbidden(const struct api_feed *feed);

#endif
