/* control/port_failures.h
 *
 * Purpose    Ports of TCP and UDP Services that the supervisor cannot bind, as it told us, and what to say
 *            about them to those who asked for them.
 * Lifetime   A zeroed struct is empty; port_failures_deinit() returns it to that.
 * Roles      controller. */
#ifndef YETT_CONTROL_PORT_FAILURES_H
#define YETT_CONTROL_PORT_FAILURES_H

#include "base/vec.h"
#include "kube/diag.h"
#include "proc/channel.h"
#include "route/model.h"

struct port_failure {
    struct proc_port port;
    int error; /* -errno */
};

struct port_failures {
    VEC(struct port_failure) items;
};

void port_failures_deinit(struct port_failures *failures);
/* Takes note of a PROC_PORT message. */
void port_failures_note(struct port_failures *failures, const struct proc_message *message);
/* A diagnostic for each that `model` has a listener for, at the ConfigMap's key. */
void port_failures_report(const struct port_failures *failures, const struct route_model *model,
                          struct diag_list *diags);

#endif
