/* supervisor/outputs.h
 *
 * Purpose    The standard descriptors, and the one that workers write the access log to.
 * Ownership  The caller owns what is returned.
 * Roles      supervisor, before it drops its capabilities: standard output may be another user's
 *            pipe. */
#ifndef YETT_SUPERVISOR_OUTPUTS_H
#define YETT_SUPERVISOR_OUTPUTS_H

#include "base/compiler.h"

/* Makes sure that descriptors 0, 1 and 2 are taken, so that no socket gets a number which a log
 * line goes to. */
YETT_MUST_USE int outputs_secure(void);

/* A descriptor for standard output that does not block its writers. A socket is duplicated as it
 * is: writers say MSG_DONTWAIT there. */
YETT_MUST_USE int outputs_open_access_log(int *ret_fd);

#endif
