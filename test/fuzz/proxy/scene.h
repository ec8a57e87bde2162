/* test/fuzz/proxy/scene.h
 *
 * Purpose    A whole worker for fuzzers: clients are socket pairs, its one backend a listening socket of the
 *            same process, its clock stands still unless it is turned.
 * Lifetime   scene_begin() once; then any number of rounds, each ended by scene_clear(), which checks that
 *            nothing was left over. */
#ifndef YETT_FUZZ_PROXY_SCENE_H
#define YETT_FUZZ_PROXY_SCENE_H

#include <stdint.h>

#include "base/span.h"
#include "net/loop.h"

enum { SCENE_CLIENTS = 2, SCENE_CONNECTIONS_MAX = 8 };

struct scene {
    struct loop *loop; /* NULL: not begun */
    int clients[SCENE_CLIENTS];
    int connections[SCENE_CONNECTIONS_MAX]; /* that the backend accepted, newest last */
    unsigned connections_len;
};

extern struct scene scene;

void scene_begin(void);
/* Lets the worker do all that it can do, and the backend accept. */
void scene_settle(void);
void scene_clock_turn(uint64_t ms);
/* A new client connection. */
void scene_client_begin(unsigned index);
/* Says something; takes what came before, so that nobody waits for us. */
void scene_say(int fd, struct span bytes);
void scene_backend_close(void);
/* Everyone leaves; whatever happened, nothing may stay behind. */
void scene_clear(void);

#endif
