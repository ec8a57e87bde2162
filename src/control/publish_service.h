/* control/publish_service.h
 *
 * Purpose    The addresses of --publish-service, followed as they change. One Service is watched, by name:
 *            a right to that one is enough.
 * Ownership  Borrows loop and client; a told list borrows until the callback returns.
 * Lifetime   publish_service_new() … publish_service_free().
 * Roles      controller.
 * Errors     Logged; nothing is told then. */
#ifndef YETT_CONTROL_PUBLISH_SERVICE_H
#define YETT_CONTROL_PUBLISH_SERVICE_H

#include "api/client.h"
#include "control/address_list.h"

struct publish_service;

/* `on_addresses` is told of an empty list, too, where the Service has no address (yet, or any more). */
struct publish_service *publish_service_new(
    struct loop *loop, struct api_client *client, struct span namespace, struct span name,
    void (*on_addresses)(void *ctx, const struct address_list *list), void *ctx);
struct publish_service *publish_service_free(struct publish_service *service);

#endif
