/* supervisor/main.h
 *
 * Purpose    The supervisor role (pid 1): binds the sockets, starts and restarts controller and
 *            workers, hands images on with roll-back, drains and ends.
 * Roles      supervisor. Called once by cli; returns the exit status. Parses nothing from a
 *            network.
 * See        docs/internals/lifecycle.md */
#ifndef YETT_SUPERVISOR_MAIN_H
#define YETT_SUPERVISOR_MAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/ip.h"

struct supervisor_options {
    struct ip_addr address;         /* of HTTP and HTTPS; :: takes IPv4 too */
    uint16_t http_port, https_port; /* 0: the kernel chooses one */
    bool no_http, no_https;
    struct ip_addr health_address;
    uint16_t health_port;
    bool no_health;
    struct ip_addr webhook_address;
    uint16_t webhook_port;
    bool has_webhook;
    uint32_t workers;       /* 1..PROC_WORKERS_MAX */
    bool access_log;        /* lines on standard output */
    uint32_t grace_ms;      /* --shutdown-grace-period: unready but serving */
    uint32_t drain_ms;      /* time for requests in flight */
    uint32_t controller_ms; /* time for the controller to end, where it wants more than usual */
    bool keeps_state;       /* --state-dir: there is a keeper */
    bool opens_ports;       /* of TCP and UDP Services, while it runs */
    char **argv;            /* the command line, given to every role unchanged */
};

int supervisor_main(const struct supervisor_options *options);

#endif
