/* control/last_replica.h
 *
 * Purpose    Is any other replica of ours running? Asked once, at the end of one.
 * Ownership  Borrows client and texts.
 * Lifetime   last_replica_ask() … last_replica_free(), from within the callback too.
 * Roles      controller.
 * Errors     Where it cannot be told, there may be another: the answer is no. */
#ifndef YETT_CONTROL_LAST_REPLICA_H
#define YETT_CONTROL_LAST_REPLICA_H

#include "api/client.h"

struct last_replica;

/* Our Pod is namespace/pod. */
struct last_replica *last_replica_ask(struct api_client *client, struct span namespace,
                                      struct span pod, void (*on_answer)(void *ctx, bool is_last),
                                      void *ctx);
struct last_replica *last_replica_free(struct last_replica *question);

#endif
