#include "control/port_failures.h"

#include <string.h>

#include "base/scope.h"

void port_failures_deinit(struct port_failures *failures)
{
    vec_deinit(&failures->items);
}

static void failure_forget(struct port_failures *failures, const struct proc_port *port)
{
    for (size_t i = 0; i < failures->items.len; i++) {
        if (proc_port_eq(&failures->items.items[i].port, port))
            failures->items.items[i] = failures->items.items[--failures->items.len];
    }
}

void port_failures_note(struct port_failures *failures, const struct proc_message *message)
{
    for (uint32_t i = 0; i < message->ports_len; i++) {
        failure_forget(failures, &message->ports[i]);
        if (message->result < 0)
            vec_push(&failures->items,
                     ((struct port_failure){ message->ports[i], message->result }));
    }
}

static const struct port_failure *failure_of(const struct port_failures *failures,
                                             const struct route_listener *listener)
{
    const struct proc_port port = { (uint16_t)listener->transport, listener->port };

    vec_for_each (it, &failures->items) {
        if (proc_port_eq(&it->port, &port))
            return it;
    }
    return NULL;
}

static void report(const struct port_failure *failure, const struct route_listener *listener,
                   struct diag_list *diags)
{
    const struct route_origin *origin = &listener->origin;
    SCOPED(buf_deinit) struct buf message = { 0 };

    buf_printf(&message, "%s port %u cannot be bound: %s",
               proc_transport_name(failure->port.transport), failure->port.number,
               strerrordesc_np(-failure->error));
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = DIAG_PORT_UNAVAILABLE,
        .file = origin->file,
        .pos = { origin->line, origin->column },
        .kind = origin->kind,
        .namespace = origin->namespace,
        .name = origin->name,
        .field = origin->field,
        .message = buf_span(&message),
        .mend = SPAN("stop what listens there, or choose another port; those below 1024 need "
                     "CAP_NET_BIND_SERVICE"),
    };
    diag_add(diags, &diag);
}

void port_failures_report(const struct port_failures *failures, const struct route_model *model,
                          struct diag_list *diags)
{
    if (failures->items.len == 0 || !model)
        return;
    vec_for_each (it, &model->listeners) {
        const struct port_failure *failure = failure_of(failures, *it);
        if (failure)
            report(failure, *it, diags);
    }
}
