/* control/status_addresses.h
 *
 * Purpose    Where clients reach us: what the flags name, or the addresses of a Service, or of our nodes.
 * Ownership  Borrows loop, client and the options' texts; a told list borrows until the callback returns.
 * Lifetime   status_addresses_new() … status_addresses_free().
 * Roles      controller.
 * See        docs/cluster.md, "What yett writes" */
#ifndef YETT_CONTROL_STATUS_ADDRESSES_H
#define YETT_CONTROL_STATUS_ADDRESSES_H

#include "control/node_addresses.h"

struct status_addresses_options {
    struct span fixed; /* --publish-status-address: "10.0.0.1,gate.example"; empty: not given */
    struct span service_namespace, service_name; /* --publish-service; empty: not given */
    struct node_addresses_options nodes;         /* else; its pod empty: we are in none */
};

struct status_addresses;

/* `on_change` is told of another list, and never of an empty one: that a Service has lost its address for a
 * moment is no reason to take clients' DNS records away. Not before new() has returned. */
struct status_addresses *status_addresses_new(
    struct loop *loop, struct api_client *client, const struct status_addresses_options *options,
    void (*on_change)(void *ctx, const struct address_list *list), void *ctx);
struct status_addresses *status_addresses_free(struct status_addresses *addresses);

/* False: `text` is no list of IP addresses and host names with commas between; *ret_wrong is the part that is
 * neither. */
bool status_addresses_are_valid(struct span text, struct span *ret_wrong);

#endif
