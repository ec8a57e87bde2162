/* control/source_api.h
 *
 * Purpose    The Kubernetes API as a source: Ingresses, IngressClasses, Services and EndpointSlices, the
 *            ConfigMap that was named, the Secrets that Ingresses of ours refer to, and, with a selector,
 *            Namespaces.
 * Ownership  Borrows loop, client and options.
 * Lifetime   source_api_new() … source_free().
 * Roles      controller.
 * Errors     None to the caller: what the API server refuses is retried for ever, logged, and a diagnostic.
 *            Once it has told of a first state, what it says later is added to that; silence takes nothing
 *            away.
 * See        docs/cluster.md, docs/internals/watch.md */
#ifndef YETT_CONTROL_SOURCE_API_H
#define YETT_CONTROL_SOURCE_API_H

#include "api/client.h"
#include "control/secret_watch.h"
#include "control/source.h"
#include "ingress/compile.h"

struct source_api_options {
    const struct ingress_options
        *ingress;                   /* whose Ingresses are ours, and which objects are named */
    struct span namespace_selector; /* of labels; empty: all namespaces */
    bool has_wide_secrets;          /* one watch for all Secrets, in place of one for each */
};

struct source *source_api_new(struct loop *loop, struct api_client *client,
                              const struct source_api_options *options,
                              source_changed_fn *on_change, void *ctx);

/* Asks for everything; on_change is called once all of it is here, and never before. */
void source_api_start(struct source *source);

struct source_api_facts {
    bool is_synced;          /* on_change was called */
    bool is_in_step;         /* all watches stand, as far as is known; Secrets' aside */
    uint64_t lists, watches; /* begun */
    uint64_t events, unreadable, failures;
    struct secret_watch_facts secrets;
    uint32_t held; /* Ingresses that wait for a Secret */
};
struct source_api_facts source_api_facts(const struct source *source);

#endif
