/* supervisor/bind.h
 *
 * Purpose    Sockets bound to one port, one for every worker (SO_REUSEPORT), so that the kernel spreads
 *            connections and datagrams, and a worker that dies leaves its queue behind, unbroken.
 * Ownership  The sockets are the caller's.
 * Roles      supervisor.
 * Errors     -errno, with nothing left open. */
#ifndef YETT_SUPERVISOR_BIND_H
#define YETT_SUPERVISOR_BIND_H

#include "base/compiler.h"
#include "base/ip.h"
#include "proc/port.h"

struct bind_port {
    enum proc_transport transport;
    struct ip_addr ip; /* "::" takes IPv4 too, and is IPv4 alone on a machine without IPv6 */
    uint16_t number;   /* 0: the kernel chooses one, and it stands here afterwards */
};

/* `len` sockets of the same port; TCP's listen. One that somebody else has, another yett for instance, is
 * not shared with him: -EADDRINUSE. */
YETT_MUST_USE int bind_open(struct bind_port *port, uint32_t len, int *ret_fds);

/* What mends a failure of bind_open(), for people. */
const char *bind_mend(int r);

#endif
