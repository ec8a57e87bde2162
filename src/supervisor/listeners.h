/* supervisor/listeners.h
 *
 * Purpose    The listening sockets that flags ask for: of each port one for every worker.
 * Ownership  Owns the sockets; workers get duplicates.
 * Roles      supervisor.
 * Errors     What cannot be bound is logged with its flag before -errno is returned. */
#ifndef YETT_SUPERVISOR_LISTENERS_H
#define YETT_SUPERVISOR_LISTENERS_H

#include "base/compiler.h"
#include "proc/inherit.h"
#include "supervisor/main.h"

struct listeners {
    uint32_t workers_len, len;
    struct proc_listener kinds[PROC_LISTENERS_MAX];
    int fds[PROC_WORKERS_MAX][PROC_LISTENERS_MAX];
};

YETT_MUST_USE int listeners_open(const struct supervisor_options *options,
                                 struct listeners *ret_listeners);
/* The controller's, for --validating-webhook. */
YETT_MUST_USE int listeners_open_webhook(const struct supervisor_options *options, int *ret_fd);
void listeners_close(struct listeners *listeners);

#endif
