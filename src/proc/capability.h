/* proc/capability.h
 *
 * Purpose    Make use of the one capability that the program's file may carry.
 * Roles      supervisor, before it binds its ports.
 * See        capabilities(7); docs/security.md */
#ifndef YETT_PROC_CAPABILITY_H
#define YETT_PROC_CAPABILITY_H

#include "base/compiler.h"

/* CAP_NET_BIND_SERVICE becomes effective where it is permitted; elsewhere nothing changes, and ports
 * below 1024 are the kernel's to grant. Returns 0 or -errno. */
YETT_MUST_USE int proc_capability_raise_bind(void);

#endif
