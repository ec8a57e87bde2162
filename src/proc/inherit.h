/* proc/inherit.h
 *
 * Purpose    What a role finds when it starts: descriptors at fixed numbers and one hello message.
 * Ownership  The role owns what it inherits; the supervisor keeps duplicates of all of it, so that
 *            sockets, counters and images outlive any role.
 * Lifetime   proc_inherit_take() once, first thing in a role's main.
 * See        ARCHITECTURE.md, "Roles" */
#ifndef YETT_PROC_INHERIT_H
#define YETT_PROC_INHERIT_H

#include <stdint.h>

#include "base/compiler.h"

enum proc_role { PROC_SUPERVISOR, PROC_CONTROLLER, PROC_WORKER, PROC_KEEPER };

enum {
    PROC_WORKERS_MAX = 64,
    PROC_LISTENERS_MAX = 16, /* per worker */

    /* Descriptor numbers after exec. 0 is /dev/null; 1 and 2 are the supervisor's own. */
    PROC_FD_CHANNEL = 3, /* SOCK_SEQPACKET to the supervisor: proc/channel.h */
    PROC_FD_ACCESS_LOG =
        4, /* worker: where lines go, non-blocking; -1 (closed) where logging is off */
    PROC_FD_WEBHOOK = 4, /* controller: listening TCP socket, where there is a webhook */
    PROC_FD_ADMIN = 5,   /* controller: listening UNIX socket; worker: not there */
    PROC_FD_FIRST = 6,   /* worker: stats page, then its listeners; controller: all stats pages;
                          keeper: nothing */
};

enum proc_listener_kind {
    PROC_LISTEN_HTTP = 1,
    PROC_LISTEN_HTTPS = 2,
    PROC_LISTEN_HEALTH = 3,
    PROC_LISTEN_TCP = 4, /* a TCP Service's: comes later, by PROC_LISTEN */
};

struct proc_listener {
    uint32_t kind; /* enum proc_listener_kind */
    uint16_t port; /* as bound */
    uint16_t reserved;
};

/* First message on the channel, from the supervisor. */
struct proc_hello {
    uint32_t role, worker_index, workers_len;
    uint32_t listeners_len; /* worker: descriptors PROC_FD_FIRST + 1 + i */
    struct proc_listener listeners[PROC_LISTENERS_MAX];
    uint32_t starts; /* how often this slot was started, from 1 */
    uint32_t admin_name_len;
    char admin_name[108]; /* worker: abstract UNIX address of the controller's admin endpoint,
                               without the NUL that starts it */
};

/* The role that this process was exec'd as, by the environment variable YETT_ROLE; PROC_SUPERVISOR
 * where it is not set. */
enum proc_role proc_role_self(void);

/* Receives the hello, sets close-on-exec on all that was inherited, asks to die with the supervisor
 * (PR_SET_PDEATHSIG). Returns 0 or -errno. */
YETT_MUST_USE int proc_inherit_take(struct proc_hello *ret_hello);

#endif
