/* proxy/upstream/choose.h
 *
 * Purpose    The endpoint that is asked next, for requests, connections and datagrams alike: in the turn of
 *            the Service's balancer, past those that were tried already and, where there are others, those
 *            that nobody answered for lately.
 * Ownership  Endpoints belong to the worker's table. */
#ifndef YETT_PROXY_UPSTREAM_CHOOSE_H
#define YETT_PROXY_UPSTREAM_CHOOSE_H

#include "image/view.h"
#include "proxy/log/access_format.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/resolver.h"

struct worker;

/* What there is to choose from; not empty. Borrows from an image. */
struct choice {
    const struct image_service *service;
    struct image_endpoints endpoints;
    const struct access_try *tried; /* for the same purpose, in vain */
    size_t tried_len;
};

/* Returns a resolver_result: an ExternalName may have to be asked for first, by `query`. */
YETT_MUST_USE int endpoint_choose(struct worker *worker, const struct choice *choice,
                                  struct resolver_query *query, struct endpoint **ret_endpoint);

#endif
