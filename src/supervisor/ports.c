#include "supervisor/ports.h"

#include <string.h>

#include "base/log.h"
#include "base/scope.h"
#include "supervisor/bind.h"
#include "supervisor/handover.h"
#include "supervisor/state.h"

static void port_init(struct port *port, const struct proc_port *wanted)
{
    *port = (struct port){ .port = *wanted, .retry_at_ms = UINT64_MAX };
    memset(port->fds, 0xff, sizeof(port->fds)); /* -1 everywhere */
}

static struct port *find(struct ports *ports, const struct proc_port *wanted)
{
    for (uint32_t i = 0; i < ports->len; i++) {
        if (proc_port_eq(&ports->items[i].port, wanted))
            return &ports->items[i];
    }
    return NULL;
}

/* ---- what workers are told ---- */

/* A message fills up with ports, and goes when it is full or when that is all. */
static void message_flush(struct child *worker, struct proc_message *message)
{
    if (message->ports_len > 0)
        handover_send(worker, message);
    message->ports_len = message->fds_len = 0;
}

static void message_add(struct child *worker, struct proc_message *message, const struct port *port)
{
    if (message->ports_len == PROC_FDS_MAX)
        message_flush(worker, message);
    if (message->kind == PROC_LISTEN)
        message->fds[message->fds_len++] = port->fds[worker->index];
    message->ports[message->ports_len++] = port->port;
}

void ports_tell_worker(const struct supervisor *supervisor, struct child *worker)
{
    struct proc_message listen = { .kind = PROC_LISTEN };

    for (uint32_t i = 0; i < supervisor->ports.len; i++) {
        if (supervisor->ports.items[i].is_open)
            message_add(worker, &listen, &supervisor->ports.items[i]);
    }
    message_flush(worker, &listen);
}

static void workers_tell(struct supervisor *supervisor, enum proc_message_kind kind,
                         const struct port *port)
{
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        struct child *worker = &supervisor->workers[i];
        struct proc_message message = { .kind = kind };

        message_add(worker, &message, port);
        message_flush(worker, &message);
    }
}

/* ---- what the controller is told ---- */

static void controller_tell(struct supervisor *supervisor, const struct port *port, int result)
{
    struct proc_message message = { .kind = PROC_PORT, .result = result, .ports_len = 1 };

    message.ports[0] = port->port;
    handover_send(&supervisor->controller, &message);
}

void ports_tell_controller(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->ports.len; i++) {
        const struct port *port = &supervisor->ports.items[i];
        if (port->is_told)
            controller_tell(supervisor, port, port->error);
    }
}

static void failure_tell(struct supervisor *supervisor, struct port *port)
{
    log_error("port_unavailable", F_STR("transport", proc_transport_name(port->port.transport)),
              F_UINT("port", port->port.number), F_ERRNO(port->error),
              F_STR("mend", bind_mend(port->error)));
    port->is_told = true;
    controller_tell(supervisor, port, port->error);
}

static void failure_over(struct supervisor *supervisor, struct port *port)
{
    if (port->is_told)
        controller_tell(supervisor, port, 0);
    port->is_told = false;
}

/* ---- opening and closing ---- */

static void open_failed(struct supervisor *supervisor, struct port *port, int error)
{
    uint64_t now = now_ms();
    bool is_other = port->error != 0 && port->error != error;

    if (port->error == 0)
        port->failing_since_ms = now;
    port->error = error;
    bool is_lasting = now - port->failing_since_ms >= PORTS_TELL_AFTER_MS;
    port->retry_at_ms = now + (is_lasting ? PORTS_RETRY_MS : PORTS_RETRY_SOON_MS);
    if (is_lasting && (!port->is_told || is_other))
        failure_tell(supervisor, port);
}

static void port_open(struct supervisor *supervisor, struct port *port)
{
    struct bind_port wanted = { (enum proc_transport)port->port.transport,
                                supervisor->options->address, port->port.number };

    int r = bind_open(&wanted, supervisor->options->workers, port->fds);
    if (r < 0) {
        open_failed(supervisor, port, r);
        return;
    }
    port->is_open = true;
    port->error = 0;
    port->retry_at_ms = UINT64_MAX;
    log_info("port_opened", F_STR("transport", proc_transport_name(port->port.transport)),
             F_UINT("port", port->port.number));
    failure_over(supervisor, port);
    workers_tell(supervisor, PROC_LISTEN, port);
}

static void fds_close(struct port *port)
{
    for (size_t i = 0; i < ARRAY_LEN(port->fds); i++)
        fd_closep(&port->fds[i]);
    port->is_open = false;
}

/* Connections that wait in a worker's queue are its own to take: it hears of it, and holds the socket until
 * then. */
static void port_forget(struct supervisor *supervisor, struct port *port)
{
    if (port->is_open) {
        log_info("port_closed", F_STR("transport", proc_transport_name(port->port.transport)),
                 F_UINT("port", port->port.number));
        workers_tell(supervisor, PROC_UNLISTEN, port);
        fds_close(port);
    }
    failure_over(supervisor, port);
    *port = supervisor->ports.items[--supervisor->ports.len];
}

static const struct proc_message *image_of(const struct supervisor *supervisor, uint64_t generation)
{
    return generation ? images_get(&supervisor->images, generation) : NULL;
}

static bool names(const struct proc_message *image, const struct proc_port *port)
{
    for (uint32_t i = 0; image && i < image->ports_len; i++) {
        if (proc_port_eq(&image->ports[i], port))
            return true;
    }
    return false;
}

static void open_all_of(struct supervisor *supervisor, const struct proc_message *image)
{
    struct ports *ports = &supervisor->ports;

    for (uint32_t i = 0; image && i < image->ports_len; i++) {
        if (find(ports, &image->ports[i]))
            continue;
        struct port *port = &ports->items[ports->len++];
        port_init(port, &image->ports[i]);
        port_open(supervisor, port);
    }
}

void ports_follow(struct supervisor *supervisor)
{
    const struct rollout *rollout = &supervisor->rollout;
    struct ports *ports = &supervisor->ports;

    if (supervisor->drain.phase >= DRAIN_FINISHING)
        return;
    const struct proc_message *good = image_of(supervisor, rollout->good);
    const struct proc_message *rolling = image_of(supervisor, rollout->rolling);
    for (uint32_t i = ports->len; i-- > 0;) {
        const struct proc_port *port = &ports->items[i].port;
        if (!names(good, port) && !names(rolling, port))
            port_forget(supervisor, &ports->items[i]);
    }
    open_all_of(supervisor, good);
    open_all_of(supervisor, rolling);
}

void ports_on_time(struct supervisor *supervisor)
{
    struct ports *ports = &supervisor->ports;
    uint64_t now = now_ms();

    for (uint32_t i = 0; i < ports->len; i++) {
        if (!ports->items[i].is_open && ports->items[i].retry_at_ms <= now)
            port_open(supervisor, &ports->items[i]);
    }
}

uint64_t ports_deadline_ms(const struct ports *ports)
{
    uint64_t earliest = UINT64_MAX;

    for (uint32_t i = 0; i < ports->len; i++)
        earliest = MIN(earliest, ports->items[i].retry_at_ms);
    return earliest;
}

void ports_close(struct ports *ports)
{
    for (uint32_t i = 0; i < ports->len; i++)
        fds_close(&ports->items[i]);
    ports->len = 0;
}
