/* proxy/main.h
 *
 * Purpose    The worker role: one event loop that accepts, terminates TLS, routes, balances, proxies.
 * Roles      worker. Called once by cli; returns the exit status.
 * See        docs/internals/exchange.md */
#ifndef YETT_PROXY_MAIN_H
#define YETT_PROXY_MAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

enum proxy_log_format { PROXY_LOG_INGRESS_NGINX, PROXY_LOG_JSON };

struct proxy_options {
    enum proxy_log_format access_log_format; /* where the ConfigMap has no log-format-upstream */
    uint32_t connections_max;                /* per worker; 0: PROXY_CONNECTIONS_MAX */
    struct span health_check_path;           /* "/healthz" */
};

int proxy_main(const struct proxy_options *options);

#endif
