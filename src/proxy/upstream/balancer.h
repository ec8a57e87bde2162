/* proxy/upstream/balancer.h
 *
 * Purpose    Which endpoint of a Service takes a request: state by Service key, algorithms in balance/.
 * Ownership  Owns the states; they outlive images and are dropped when no image names the Service. */
#ifndef YETT_PROXY_UPSTREAM_BALANCER_H
#define YETT_PROXY_UPSTREAM_BALANCER_H

#include "base/map.h"
#include "image/view.h"
#include "proxy/random.h"

struct balancer {
    struct idmap services; /* key → struct balancer_service */
};

void balancer_deinit(struct balancer *balancer);

/* The endpoint whose turn it is; `endpoints` is not empty. A Service that is seen first begins anywhere. */
const struct image_endpoint *balancer_pick(struct balancer *balancer,
                                           const struct image_service *service,
                                           const struct image_endpoints *endpoints,
                                           struct random *random);

/* Forgets Services that `view` does not name. */
void balancer_sweep(struct balancer *balancer, const struct image_view *view);

#endif
