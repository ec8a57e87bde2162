/* supervisor/signals.h
 *
 * Purpose    Signals as input of the loop (signalfd): the end of children, and the wish to end.
 * Roles      supervisor. SIGHUP is logged and ignored: there is nothing to reload. */
#ifndef YETT_SUPERVISOR_SIGNALS_H
#define YETT_SUPERVISOR_SIGNALS_H

#include "base/compiler.h"

struct supervisor;

/* Blocks the signals and opens the descriptor that reports them. */
YETT_MUST_USE int signals_open(int *ret_fd);
void signals_on_readable(struct supervisor *supervisor);

#endif
