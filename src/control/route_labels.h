/* control/route_labels.h
 *
 * Purpose    The names behind the ids by which workers count: which Ingress, path, Service and
 *            host a stats slot belongs to, also for a while after the route is gone.
 * Ownership  Owns copies of all texts, and a reference to the image that it learned last, which tells what is
 *            new in the next one.
 * Lifetime   A zeroed struct is empty; route_labels_deinit() returns it to that.
 * Limits     ROUTE_LABELS_MAX ids; at it, those that the newest image does not have are
 *            forgotten, and then what is new is counted without names. */
#ifndef YETT_CONTROL_ROUTE_LABELS_H
#define YETT_CONTROL_ROUTE_LABELS_H

#include "base/map.h"
#include "image/view.h"

enum { ROUTE_LABELS_MAX = 131072 }; /* twice the slots of a stats page */

struct route_label {
    uint64_t id;
    struct span namespace, ingress, path, service;
    struct span host;    /* empty: of the default backend, which has none */
    uint64_t generation; /* of an image that has it: of the newest, where room was made for it */
};

struct route_labels {
    struct idmap by_id;
    struct image_view *learned; /* NULL: none yet */
};

void route_labels_deinit(struct route_labels *labels);
/* Learns all ids of the image, at the price of the shards in which it differs from the one before. */
void route_labels_learn(struct route_labels *labels, struct image_view *view);
/* NULL: never seen, or forgotten. */
const struct route_label *route_labels_find(const struct route_labels *labels, uint64_t id);

#endif
