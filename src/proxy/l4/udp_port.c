#include "proxy/l4/udp_port.h"

#include <errno.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "proxy/l4/udp_session.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

/* All ports of a worker share two batches: one that is read into and worked off at once, and one in which
 * answers gather until the turn ends, the batch is full, or another port has something to say. */

static void port_on_events(struct loop_watch *watch, uint32_t events)
{
    struct udp_port *port = container_of(watch, struct udp_port, watch);
    struct udp_sessions *sessions = &port->worker->udp;

    (void)events;
    for (unsigned i = 0; i < PROXY_UDP_BURST && watch->fd >= 0; i++) {
        int len = udp_batch_receive(sessions->received, port->fd);

        if (len < 0 && len != -EAGAIN)
            log_limited(LOG_WARN, "udp_receive_failed", F_UINT("port", port->number), F_ERRNO(len));
        for (int at = 0; at < len; at++)
            udp_session_take(port, udp_batch_path(sessions->received, (uint32_t)at),
                             udp_batch_bytes(sessions->received, (uint32_t)at));
        if (len < UDP_BATCH)
            return;
    }
}

static void port_free(struct udp_port *port)
{
    struct udp_sessions *sessions = &port->worker->udp;

    if (sessions->answering == port)
        udp_sessions_flush(sessions);
    loop_timer_cancel(&port->closing);
    loop_watch_remove(port->worker->loop, &port->watch);
    close(port->fd);
    loop_defer_free(port->worker->loop, port);
}

static void port_on_closing_over(struct loop_timer *timer)
{
    struct udp_port *port = container_of(timer, struct udp_port, closing);

    list_for_each_safe (it, &port->sessions)
        udp_session_end(
            list_entry(it, struct udp_session, in_port)); /* the last one frees the port */
}

struct udp_port *udp_port_new(struct worker *worker, int fd, uint16_t number)
{
    struct udp_port *port = mem_alloc_zero(sizeof(*port));

    port->watch = (struct loop_watch){ -1, 0, port_on_events };
    port->worker = worker;
    port->number = number;
    port->is_v6 = udp_is_v6(fd);
    port->fd = fd;
    list_init(&port->sessions);
    loop_timer_init(&port->closing, port_on_closing_over);
    return port;
}

void udp_port_serve(struct udp_port *port, bool serves)
{
    struct loop *loop = port->worker->loop;

    if (serves == (port->watch.fd >= 0))
        return;
    if (!serves) {
        loop_watch_remove(loop, &port->watch);
        return;
    }
    int r = loop_watch_add_level(loop, &port->watch, port->fd, LOOP_READ);
    if (r < 0)
        log_error("listen_failed", F_UINT("port", port->number), F_ERRNO(r));
}

void udp_port_close(struct udp_port *port)
{
    port->is_gone = true;
    udp_port_serve(port, false);
    if (list_is_empty(&port->sessions))
        port_free(port);
    else
        loop_timer_set(port->worker->loop, &port->closing, PROXY_UDP_CLOSING_MS);
}

void udp_port_note_end(struct udp_port *port)
{
    if (port->is_gone && list_is_empty(&port->sessions))
        port_free(port);
}

char *udp_port_room(struct udp_port *port)
{
    struct udp_sessions *sessions = &port->worker->udp;

    if (udp_batch_len(sessions->answers) == UDP_BATCH ||
        (sessions->answering && sessions->answering != port))
        udp_sessions_flush(sessions);
    return udp_batch_room(sessions->answers);
}

void udp_port_answer(struct udp_port *port, const struct udp_path *path, size_t len)
{
    struct udp_sessions *sessions = &port->worker->udp;

    sessions->answering = port;
    udp_batch_add(sessions->answers, path, len);
    loop_task_queue(port->worker->loop, &sessions->flush);
}
