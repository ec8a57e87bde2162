/* proxy/client/listener.h
 *
 * Purpose    Accepts connections on one listening socket: inherited, or of a TCP Service.
 * Ownership  Owns its duplicate of the socket; the supervisor has another, so that a worker's death
 *            refuses nobody.
 * Lifetime   listener_init() … listener_close().
 * Limits     worker->clients_max: past it connections are accepted and closed at once, but for those of the
 *            health listener. */
#ifndef YETT_PROXY_CLIENT_LISTENER_H
#define YETT_PROXY_CLIENT_LISTENER_H

#include "net/loop.h"
#include "proc/inherit.h"

struct worker;

struct listener {
    struct loop_watch watch;
    struct loop_timer pause; /* after running out of descriptors */
    struct worker *worker;
    struct proc_listener info;
    bool serves; /* also while it pauses */
    int fd;
};

/* Takes `fd`. It accepts nothing before listener_serve(). */
void listener_init(struct listener *listener, struct worker *worker, int fd,
                   const struct proc_listener *info);
/* Accepts, or leaves connections in the socket's queue. 0 or -errno: it does what it did before. */
YETT_MUST_USE int listener_serve(struct listener *listener, bool serves);
/* One that serves takes all that waits in the queue before: nobody who was let in is turned away. What waits at one
 * that does not is left to whoever else holds the socket. */
void listener_close(struct listener *listener);

#endif
