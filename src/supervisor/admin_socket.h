/* supervisor/admin_socket.h
 *
 * Purpose    The listening socket of the controller's admin endpoint, held here so that a
 *            controller that restarts finds the requests that wait.
 * Ownership  The caller owns the descriptor.
 * Roles      supervisor. */
#ifndef YETT_SUPERVISOR_ADMIN_SOCKET_H
#define YETT_SUPERVISOR_ADMIN_SOCKET_H

#include "base/compiler.h"
#include "proc/inherit.h"

/* Binds an abstract UNIX address of the kernel's choice and writes its name into *hello. */
YETT_MUST_USE int admin_socket_open(struct proc_hello *hello, int *ret_fd);

#endif
