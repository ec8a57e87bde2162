/* supervisor/ports.h
 *
 * Purpose    The ports of TCP and UDP Services, which come and go with images: one is bound while an image
 *            names it that every worker serves or that is on its way to them. So a new port is there before
 *            the first worker needs it, a gone one until the last has let go, and a roll-back finds its
 *            ports as they were.
 * Ownership  Owns the sockets, one per worker; workers get duplicates.
 * Roles      supervisor. What cannot be bound harms no other port: it is tried again, and the controller is
 *            told.
 * Units      Milliseconds, monotonic; UINT64_MAX is "never".
 * Limits     PROC_PORTS_MAX of each of the two images.
 * See        docs/internals/lifecycle.md, "Ports that come and go" */
#ifndef YETT_SUPERVISOR_PORTS_H
#define YETT_SUPERVISOR_PORTS_H

#include <stdbool.h>
#include <stdint.h>

#include "proc/inherit.h"
#include "proc/port.h"

struct supervisor;
struct child;

enum {
    /* A port that was just given up may still be held by a worker that has not heard of it, or that waits 2 s
     * for UDP's last answers: so the first tries follow one another quickly, and nobody is told of them. */
    PORTS_RETRY_SOON_MS = 250,
    PORTS_TELL_AFTER_MS = 3000,
    PORTS_RETRY_MS = 5000,
};

struct port {
    struct proc_port port;
    bool is_open;
    bool is_new;     /* it was opened just now: workers do not know it yet */
    bool is_leaving; /* no image names it any more */
    bool is_told;    /* the controller was told, or is to be, that it cannot be bound */
    bool is_news;    /* it is to be told so, or that this is over */
    int error;       /* of the last try: -errno; 0: none was made, or it is open */
    uint64_t failing_since_ms, retry_at_ms;
    int fds[PROC_WORKERS_MAX];
};

struct ports {
    uint32_t len;
    struct port items[2 * PROC_PORTS_MAX];
};

/* Opens and closes what the roll-out's images ask for, and tells the workers. To be called before a worker
 * is sent an image. */
void ports_follow(struct supervisor *supervisor);
/* Tries again what could not be bound. */
void ports_on_time(struct supervisor *supervisor);
uint64_t ports_deadline_ms(const struct ports *ports);

/* A worker, or a controller, that has just started learns how things are. */
void ports_tell_worker(const struct supervisor *supervisor, struct child *worker);
void ports_tell_controller(struct supervisor *supervisor);

void ports_close(struct ports *ports);

#endif
