/* control/node_addresses.h
 *
 * Purpose    The addresses of the nodes that our ready Pods run on, for gates that clients reach through
 *            their nodes. The Pods are watched; a node is read when a Pod of ours is first seen on it,
 *            and now and then.
 * Ownership  Borrows loop, client and the options' texts; a told list borrows until the callback returns.
 * Lifetime   node_addresses_new() … node_addresses_free().
 * Roles      controller.
 * Errors     Logged and tried again; nothing is told then. */
#ifndef YETT_CONTROL_NODE_ADDRESSES_H
#define YETT_CONTROL_NODE_ADDRESSES_H

#include "api/client.h"
#include "control/address_list.h"

enum { NODE_ADDRESSES_RETRY_MS = 10 * 1000 };

struct node_addresses_options {
    struct span namespace, pod; /* ours */
    bool internal;              /* --report-node-internal-ip-address */
    uint32_t interval_ms;       /* how old what is known of a node may be */
};

struct node_addresses;

struct node_addresses *node_addresses_new(
    struct loop *loop, struct api_client *client, const struct node_addresses_options *options,
    void (*on_addresses)(void *ctx, const struct address_list *list), void *ctx);
struct node_addresses *node_addresses_free(struct node_addresses *nodes);

#endif
