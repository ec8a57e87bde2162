#include "proxy/l4/service_ports.h"

#include "base/log.h"
#include "base/scope.h"
#include "proxy/client/listener.h"
#include "proxy/l4/udp_port.h"
#include "proxy/worker.h"
#include "route/model.h"

struct service_port {
    struct proc_port port;
    struct listener tcp;  /* of TCP */
    struct udp_port *udp; /* of UDP; else NULL */
};

static_assert((int)PROC_TCP == (int)ROUTE_TRANSPORT_TCP &&
                  (int)PROC_UDP == (int)ROUTE_TRANSPORT_UDP,
              "one and the same");

void service_ports_init(struct service_ports *ports, struct worker *worker)
{
    *ports = (struct service_ports){ .worker = worker };
}

static void port_serve(struct service_port *port, bool serves)
{
    if (port->udp) {
        udp_port_serve(port->udp, serves);
        return;
    }
    int r = listener_serve(&port->tcp, serves);
    if (r < 0)
        log_error("listen_failed", F_UINT("port", port->port.number), F_ERRNO(r));
}

static void follow(struct service_ports *ports, struct service_port *port)
{
    const struct image_view *view = ports->worker->view;

    port_serve(port, view && image_listener_find(view, (enum route_transport)port->port.transport,
                                                 port->port.number));
}

void service_ports_follow(struct service_ports *ports)
{
    vec_for_each (it, &ports->open)
        follow(ports, *it);
}

static struct service_port *port_new(struct worker *worker, const struct proc_port *which, int fd)
{
    struct service_port *port = mem_alloc_zero(sizeof(*port));
    const struct proc_listener info = { PROC_LISTEN_TCP, which->number, 0 };

    port->port = *which;
    if (which->transport == PROC_UDP) {
        udp_sessions_prepare(&worker->udp);
        port->udp = udp_port_new(worker, fd, which->number);
    } else {
        listener_init(&port->tcp, worker, fd, &info);
    }
    return port;
}

void service_ports_listen(struct service_ports *ports, struct proc_message *message)
{
    for (uint32_t i = 0; i < message->ports_len && i < message->fds_len; i++) {
        struct service_port *port =
            port_new(ports->worker, &message->ports[i], TAKE_FD(message->fds[i]));

        vec_push(&ports->open, port);
        follow(ports, port);
    }
}

static void port_close(struct service_ports *ports, size_t at)
{
    struct service_port *port = ports->open.items[at];

    if (port->udp)
        udp_port_close(port->udp);
    else
        listener_close(&port->tcp);
    ports->open.items[at] = ports->open.items[--ports->open.len];
    loop_defer_free(ports->worker->loop, port); /* events of this turn may name its watch */
}

void service_ports_unlisten(struct service_ports *ports, const struct proc_message *message)
{
    for (uint32_t i = 0; i < message->ports_len; i++) {
        for (size_t at = ports->open.len; at-- > 0;) {
            if (proc_port_eq(&ports->open.items[at]->port, &message->ports[i]))
                port_close(ports, at);
        }
    }
}

void service_ports_close(struct service_ports *ports)
{
    while (ports->open.len > 0)
        port_close(ports, ports->open.len - 1);
}

void service_ports_deinit(struct service_ports *ports)
{
    vec_for_each (it, &ports->open)
        port_serve(*it, false);
    service_ports_close(ports);
    vec_deinit(&ports->open);
}
