#include "control/cluster.h"

#include <errno.h>

#include "base/log.h"
#include "base/scope.h"

int cluster_load(struct cluster *cluster, const struct api_config_choice *choice)
{
    struct buf error = { 0 };

    int r = api_config_load(choice, &cluster->config, &error);
    if (r == API_CONFIG_BAD)
        log_error("api_config_bad", F_SPAN("why", buf_span(&error)));
    else if (r == API_CONFIG_ABSENT)
        log_error("api_config_absent", F_STR("mend", "give --kubeconfig, or run in a Pod"));
    buf_deinit(&error);
    return r == API_CONFIG_OK ? 0 : -EINVAL;
}

bool cluster_needs_exec(const struct cluster *cluster)
{
    return cluster->config && cluster->config->exec.command.len > 0;
}

static void on_reach(void *ctx, bool is_reachable, struct span message)
{
    const struct cluster *cluster = ctx;
    struct span server = api_client_server(cluster->client);

    if (is_reachable)
        log_info("api_reachable", F_SPAN("server", server));
    else
        log_warn("api_unreachable", F_SPAN("server", server), F_SPAN("why", message));
}

int cluster_connect(struct cluster *cluster, struct loop *loop)
{
    int r = api_client_new(loop, TAKE(cluster->config), &cluster->client);

    if (r < 0)
        return r;
    api_client_set_on_reach(cluster->client, on_reach, cluster);
    log_info("api_server", F_SPAN("server", api_client_server(cluster->client)));
    return 0;
}

void cluster_deinit(struct cluster *cluster)
{
    cluster->client = api_client_free(cluster->client);
    cluster->config = api_config_free(cluster->config);
}
