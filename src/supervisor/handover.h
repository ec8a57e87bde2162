/* supervisor/handover.h
 *
 * Purpose    Carries messages between the channels and the roll-out: what a child says becomes an
 *            event, what the roll-out decides becomes messages.
 * Roles      supervisor. */
#ifndef YETT_SUPERVISOR_HANDOVER_H
#define YETT_SUPERVISOR_HANDOVER_H

#include "supervisor/state.h"

void handover_on_start(struct supervisor *supervisor, struct child *child);
void handover_on_death(struct supervisor *supervisor, const struct child *child, bool is_crash);
/* Takes all that the child has sent. */
void handover_on_readable(struct supervisor *supervisor, struct child *child);
void handover_on_time(struct supervisor *supervisor);
/* Begins to roll the image out; takes its descriptors, unless it is too old. */
void handover_publish(struct supervisor *supervisor, struct proc_message *message);
/* A child that cannot take a message hangs, and is ended. */
void handover_send(struct child *child, const struct proc_message *message);

#endif
