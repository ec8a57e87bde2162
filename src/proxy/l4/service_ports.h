/* proxy/l4/service_ports.h
 *
 * Purpose    The ports of TCP and UDP Services: a worker takes what comes there as long as its image names
 *            them.
 * Ownership  Owns the sockets that the supervisor hands over; connections and sessions outlive them.
 * Lifetime   service_ports_init() … service_ports_deinit().
 * Roles      proxy.
 * Limits     As many as the supervisor sends, whose limit is PROC_PORTS_MAX of each image.
 * See        docs/internals/lifecycle.md, "Ports that come and go" */
#ifndef YETT_PROXY_L4_SERVICE_PORTS_H
#define YETT_PROXY_L4_SERVICE_PORTS_H

#include "base/vec.h"
#include "proc/channel.h"

struct worker;
struct service_port;

struct service_ports {
    struct worker *worker;
    VEC(struct service_port *) open;
};

void service_ports_init(struct service_ports *ports, struct worker *worker);
/* What PROC_LISTEN says; takes its descriptors. */
void service_ports_listen(struct service_ports *ports, struct proc_message *message);
/* What PROC_UNLISTEN says: closes them, as service_ports_close() does. */
void service_ports_unlisten(struct service_ports *ports, const struct proc_message *message);
/* After another image. */
void service_ports_follow(struct service_ports *ports);
/* Closes all of them; first takes the connections that wait on those that its image names. */
void service_ports_close(struct service_ports *ports);
/* Takes nothing more: what waits is the successor's. */
void service_ports_deinit(struct service_ports *ports);

#endif
