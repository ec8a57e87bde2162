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

/* ---- what children are told: as many ports in a message as it holds, so that no number of them that change at once
 * fills a channel ---- */

static void message_flush(struct child *child, struct proc_message *message)
{
    if (message->ports_len > 0)
        handover_send(child, message);
    message->ports_len = message->fds_len = 0;
}

static void message_add(struct child *child, struct proc_message *message, const struct port *port)
{
    if (message->ports_len == PROC_FDS_MAX)
        message_flush(child, message);
    if (message->kind == PROC_LISTEN)
        message->fds[message->fds_len++] = port->fds[child->index];
    message->ports[message->ports_len++] = port->port;
}

static bool is_open(const struct port *port)
{
    return port->is_open;
}

static bool is_new(const struct port *port)
{
    return port->is_open && port->is_new;
}

static bool is_closing(const struct port *port)
{
    return port->is_open && port->is_leaving;
}

static void worker_tell(const struct ports *ports, struct child *worker,
                        enum proc_message_kind kind, bool (*concerns)(const struct port *port))
{
    struct proc_message message = { .kind = kind };

    for (uint32_t i = 0; i < ports->len; i++) {
        if (concerns(&ports->items[i]))
            message_add(worker, &message, &ports->items[i]);
    }
    message_flush(worker, &message);
}

static void workers_tell(struct supervisor *supervisor, enum proc_message_kind kind,
                         bool (*concerns)(const struct port *port))
{
    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        worker_tell(&supervisor->ports, &supervisor->workers[i], kind, concerns);
}

void ports_tell_worker(const struct supervisor *supervisor, struct child *worker)
{
    worker_tell(&supervisor->ports, worker, PROC_LISTEN, is_open);
}

/* Of the ports that are news to it. */
static void controller_tell(struct supervisor *supervisor)
{
    struct child *controller = &supervisor->controller;
    struct proc_message message = { .kind = PROC_PORT };

    for (uint32_t i = 0; i < supervisor->ports.len; i++) {
        struct port *port = &supervisor->ports.items[i];
        int result = port->is_told ? port->error : 0;

        if (!port->is_news)
            continue;
        port->is_news = false;
        if (result != message.result)
            message_flush(controller, &message);
        message.result = result;
        message_add(controller, &message, port);
    }
    message_flush(controller, &message);
}

void ports_tell_controller(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->ports.len; i++)
        supervisor->ports.items[i].is_news = supervisor->ports.items[i].is_told;
    controller_tell(supervisor);
}

static void failure_note(struct port *port)
{
    log_error("port_unavailable", F_STR("transport", proc_transport_name(port->port.transport)),
              F_UINT("port", port->port.number), F_ERRNO(port->error),
              F_STR("mend", bind_mend(port->error)));
    port->is_told = port->is_news = true;
}

static void failure_over(struct port *port)
{
    port->is_news = port->is_told;
    port->is_told = false;
}

/* ---- opening and closing ---- */

static void open_failed(struct port *port, int error)
{
    uint64_t now = now_ms();
    bool is_other = port->error != 0 && port->error != error;

    if (port->error == 0)
        port->failing_since_ms = now;
    port->error = error;
    bool is_lasting = now - port->failing_since_ms >= PORTS_TELL_AFTER_MS;
    port->retry_at_ms = now + (is_lasting ? PORTS_RETRY_MS : PORTS_RETRY_SOON_MS);
    if (is_lasting && (!port->is_told || is_other))
        failure_note(port);
}

static void port_open(struct supervisor *supervisor, struct port *port)
{
    struct bind_port wanted = { (enum proc_transport)port->port.transport,
                                supervisor->options->address, port->port.number };

    int r = bind_open(&wanted, supervisor->options->workers, port->fds);
    if (r < 0) {
        open_failed(port, r);
        return;
    }
    port->is_open = port->is_new = true;
    port->error = 0;
    port->retry_at_ms = UINT64_MAX;
    log_info("port_opened", F_STR("transport", proc_transport_name(port->port.transport)),
             F_UINT("port", port->port.number));
    failure_over(port);
}

/* Those that were opened, and what has become of others. */
static void changes_tell(struct supervisor *supervisor)
{
    workers_tell(supervisor, PROC_LISTEN, is_new);
    for (uint32_t i = 0; i < supervisor->ports.len; i++)
        supervisor->ports.items[i].is_new = false;
    controller_tell(supervisor);
}

static void fds_close(struct port *port)
{
    for (size_t i = 0; i < ARRAY_LEN(port->fds); i++)
        fd_closep(&port->fds[i]);
    port->is_open = false;
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

static void port_forget(struct ports *ports, struct port *port)
{
    if (port->is_open)
        log_info("port_closed", F_STR("transport", proc_transport_name(port->port.transport)),
                 F_UINT("port", port->port.number));
    fds_close(port);
    *port = ports->items[--ports->len];
}

/* A worker hears of it, and closes the socket that it holds; who waits there while it serves the port no more
 * is closed with it. */
static void close_all_but_of(struct supervisor *supervisor, const struct proc_message *good,
                             const struct proc_message *rolling)
{
    struct ports *ports = &supervisor->ports;

    for (uint32_t i = 0; i < ports->len; i++) {
        struct port *port = &ports->items[i];
        port->is_leaving = !names(good, &port->port) && !names(rolling, &port->port);
        if (port->is_leaving)
            failure_over(port);
    }
    workers_tell(supervisor, PROC_UNLISTEN, is_closing);
    controller_tell(supervisor);
    for (uint32_t i = ports->len; i-- > 0;) {
        if (ports->items[i].is_leaving)
            port_forget(ports, &ports->items[i]);
    }
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

    if (supervisor->drain.phase >= DRAIN_FINISHING)
        return;
    const struct proc_message *good = image_of(supervisor, rollout->good);
    const struct proc_message *rolling = image_of(supervisor, rollout->rolling);
    close_all_but_of(supervisor, good, rolling);
    open_all_of(supervisor, good);
    open_all_of(supervisor, rolling);
    changes_tell(supervisor);
}

void ports_on_time(struct supervisor *supervisor)
{
    struct ports *ports = &supervisor->ports;
    uint64_t now = now_ms();

    for (uint32_t i = 0; i < ports->len; i++) {
        if (!ports->items[i].is_open && ports->items[i].retry_at_ms <= now)
            port_open(supervisor, &ports->items[i]);
    }
    changes_tell(supervisor);
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
