/* api/reflector.h
 *
 * Purpose    Objects of one kind, kept in step with the API server: a streaming list (or, from a server
 *            without it, a list in pages), then a watch with bookmarks; resumed after a cut, listed anew
 *            after 410 Gone.
 * Ownership  Borrows client and loop; what it tells of borrows until the callback returns.
 * Lifetime   reflector_new() … reflector_free(), from within a callback too.
 * Roles      controller.
 * Limits     REFLECTOR_PAGE objects a page; an object larger than REFLECTOR_EVENT_MAX is told as
 *            unreadable, and passed over. No object is kept here, nor a page: only what of an event has
 *            come so far.
 * Errors     Retried for ever, with decorrelated back-off; the facts say what went wrong last.
 * See        docs/internals/watch.md,
 *            https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
#ifndef YETT_API_REFLECTOR_H
#define YETT_API_REFLECTOR_H

#include "api/client.h"
#include "api/target.h"
#include "api/watch_event.h"

enum {
    REFLECTOR_PAGE = 500,
    REFLECTOR_EVENT_MAX = 8 << 20, /* the API server takes 3 MB of JSON, etcd 1.5 MB */
    /* How long the server is asked to let a watch stand: from this to twice this, so that watches that
     * began together do not end together. Client-go asks for the same. */
    REFLECTOR_WATCH_S = 300,
    /* Bookmarks come about every minute; a watch that is silent for longer than this is dead. */
    REFLECTOR_STALL_MS = 100 * 1000,
    REFLECTOR_STABLE_MS = 60 * 1000, /* a watch that stood for so long starts the back-off anew */
    /* The longest wait for a server that does not answer at all: nobody is spared by a longer one, and all that
     * changes meanwhile waits for it. Of single objects there may be thousands: they wait longer, unless they
     * are told to hurry. */
    REFLECTOR_SILENCE_MS = 4 * 1000,
    /* The least wait where asking again soon is of no use: no rights, no such resource. Not after it was
     * in step: an API server that starts refuses everybody for the moment until it has read the rights. */
    REFLECTOR_REFUSED_MS = 5 * 1000,
    REFLECTOR_PERSISTS = 4, /* the same failure so often in a row is no passing one */
};

struct reflector_events {
    /* All is told anew from here on: what was known before and is not told again until on_synced is
     * gone. May come again before on_synced, where a listing failed half-way. May be NULL. */
    void (*on_listing)(void *ctx);
    /* New, changed or, in a listing, perhaps as it was; items of a list leave out apiVersion and
     * kind. */
    void (*on_object)(void *ctx, const struct reflector_object *object);
    /* `json` is its last form. */
    void (*on_deleted)(void *ctx, const struct reflector_object *object);
    /* All that there is has been told: after each listing. May be NULL. */
    void (*on_synced)(void *ctx);
    /* Something came that could not be told: `what`, in words. May be NULL. */
    void (*on_unreadable)(void *ctx, struct span what);
    /* facts->is_in_step changed, another failure than before came, or the same for the second, fourth,
     * eighth … time in a row: for logs and diagnostics. May be NULL. */
    void (*on_trouble)(void *ctx);
};

struct reflector_facts {
    bool is_synced;  /* all was told once */
    bool is_in_step; /* the watch stands, as far as can be known */
    uint64_t lists, watches, events, unreadable, failures;
    uint32_t same_in_row;        /* how often the last failure came, since it was in step */
    enum api_call_result result; /* of the last failure; OK: none, or it is over */
    uint32_t status;             /* likewise: HTTP, or 0 */
    struct span message;         /* likewise; borrowed until the next callback */
};

struct reflector;

/* Starts at the loop's next turn. Copies `target`; `events` outlives the reflector. */
struct reflector *reflector_new(struct loop *loop, struct api_client *client,
                                const struct reflector_target *target,
                                const struct reflector_events *events, void *ctx);
/* NULL is fine; returns NULL. */
struct reflector *reflector_free(struct reflector *reflector);

/* The API server answers others again: where the wait is for its answer, it ends within so long. */
void reflector_hurry(struct reflector *reflector, uint32_t within_ms);

const struct reflector_facts *reflector_facts(const struct reflector *reflector);

#endif
