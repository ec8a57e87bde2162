/* control/secret_watch.h
 *
 * Purpose    The Secrets that someone refers to, and no others: each watched by its name, so that a Role
 *            with resourceNames is enough; or, where that was chosen, all of them by one watch, of which only
 *            those are kept.
 * Ownership  Borrows store, loop and client. What it reads goes to the store; of a Secret that cannot be
 *            read, an object that says why (enum kube_secret_access).
 * Lifetime   secret_watch_new() … secret_watch_free().
 * Roles      controller.
 * Units      Milliseconds.
 * Limits     SECRET_WATCHES_MAX by name; SECRET_WATCH_STARTS_MAX asked for at once, as the API server's
 *            priority and fairness would have it.
 * See        docs/cluster.md,
 *            https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources */
#ifndef YETT_CONTROL_SECRET_WATCH_H
#define YETT_CONTROL_SECRET_WATCH_H

#include "api/client.h"
#include "control/api_store.h"

enum {
    SECRET_WATCHES_MAX = 20000,
    SECRET_WATCH_STARTS_MAX = 64,
    SECRET_WATCH_WAIT_MS = 5 * 1000,  /* what is not answered by then holds nobody up any longer */
    SECRET_WATCH_HURRY_MS = 2 * 1000, /* a server that is back is asked for all within so long */
    SECRET_WATCH_LINGER_MS = 10 * 1000, /* an Ingress that is replaced wants its Secret again */
};

struct secret_watch_facts {
    uint32_t wanted, watched, unsettled, forbidden;
};

struct secret_watch;

/* `on_news` is told when the store was changed, or a Secret that was waited for is known, or known to be
 * out of reach. */
struct secret_watch *secret_watch_new(struct loop *loop, struct api_client *client,
                                      struct api_store *store, void (*on_news)(void *ctx),
                                      void *ctx);
struct secret_watch *secret_watch_free(struct secret_watch *watch);

/* From now on one watch of all Secrets (of `namespace`; empty: of the cluster). Once, and when all that
 * want Secrets have said so: what is not wanted by then is asked for by name when it is. */
void secret_watch_widen(struct secret_watch *watch, struct span namespace);

void secret_watch_want(struct secret_watch *watch, struct span namespace, struct span name);
void secret_watch_unwant(struct secret_watch *watch, struct span namespace, struct span name);
/* Between the two, all who want any say so anew; who did before and does not now no longer counts. */
void secret_watch_recount_begin(struct secret_watch *watch);
void secret_watch_recount_end(struct secret_watch *watch);

/* A Secret that is wanted is known by now, or is waited for no longer. */
bool secret_watch_is_settled(const struct secret_watch *watch, struct span namespace,
                             struct span name);
/* All of them. */
bool secret_watch_are_settled(const struct secret_watch *watch);

void secret_watch_hurry(struct secret_watch *watch);
struct secret_watch_facts secret_watch_facts(const struct secret_watch *watch);

#endif
