/* proc/port.h
 *
 * Purpose    A port of this machine that TCP or UDP is taken at, as roles speak of it.
 * Lifetime   Plain values.
 * Limits     PROC_PORTS_MAX beside those of flags: each costs a socket per worker, in two processes. */
#ifndef YETT_PROC_PORT_H
#define YETT_PROC_PORT_H

#include <stdbool.h>
#include <stdint.h>

enum { PROC_PORTS_MAX = 256 };

enum proc_transport { PROC_TCP, PROC_UDP };

struct proc_port {
    uint16_t transport; /* enum proc_transport */
    uint16_t number;    /* not 0 */
};

static inline bool proc_port_eq(const struct proc_port *a, const struct proc_port *b)
{
    return a->transport == b->transport && a->number == b->number;
}

/* "TCP", "UDP" */
static inline const char *proc_transport_name(uint16_t transport)
{
    return transport == PROC_UDP ? "UDP" : "TCP";
}

#endif
