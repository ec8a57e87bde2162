/* control/cluster.h
 *
 * Purpose    The controller's line to a cluster: which server, as whom, the client; and what the log says of
 *            it.
 * Ownership  The cluster owns its config until there is a client, which owns it then.
 * Lifetime   A zeroed struct has none. cluster_load(), before the sandbox; cluster_connect(), after;
 *            cluster_deinit().
 * Roles      controller. */
#ifndef YETT_CONTROL_CLUSTER_H
#define YETT_CONTROL_CLUSTER_H

#include "api/client.h"

struct cluster {
    struct api_config *config;
    struct api_client *client; /* NULL: not connected */
};

/* -EINVAL: there is no usable one; logged. */
YETT_MUST_USE int cluster_load(struct cluster *cluster, const struct api_config_choice *choice);
/* An exec plugin is among the credentials. */
bool cluster_needs_exec(const struct cluster *cluster);
YETT_MUST_USE int cluster_connect(struct cluster *cluster, struct loop *loop);
void cluster_deinit(struct cluster *cluster);

#endif
