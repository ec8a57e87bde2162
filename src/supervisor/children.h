/* supervisor/children.h
 *
 * Purpose    The life of a child: start with what it inherits, death, restart.
 * Roles      supervisor. */
#ifndef YETT_SUPERVISOR_CHILDREN_H
#define YETT_SUPERVISOR_CHILDREN_H

#include "supervisor/state.h"

void children_init(struct supervisor *supervisor);
/* Starts every child whose time has come. One that cannot be started is tried again later. */
void children_start_due(struct supervisor *supervisor);
/* When the next start is due. */
uint64_t children_deadline_ms(const struct supervisor *supervisor);
/* The child that ran as `pid`, or NULL. */
struct child *children_find(struct supervisor *supervisor, pid_t pid);
/* Books the death of `child`, logs it and plans its restart. Returns true where it was a crash: a
 * signal that a fault of its own raised. */
bool children_on_death(struct supervisor *supervisor, struct child *child, int wait_status);
/* Ends `child` at once: it hangs, or broke the rules of the channel. Its death follows as SIGCHLD. */
void children_kill(struct child *child, const char *reason);

uint32_t children_workers_running(const struct supervisor *supervisor);

#endif
