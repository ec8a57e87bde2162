/* test/fuzz/proxy/scene.h
 *
 * Purpose    A whole worker for fuzzers: clients are socket pairs, its one backend a listening socket of the
 *            same process, its clock stands still unless it is turned.
 * Lifetime   scene_begin() once; then any number of rounds, each ended by scene_clear(), which checks that
 *            nothing was left over. */
#ifndef YETT_FUZZ_PROXY_SCENE_H
#define YETT_FUZZ_PROXY_SCENE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "net/loop.h"

enum { SCENE_CLIENTS = 2, SCENE_CONNECTIONS_MAX = 8 };

struct scene {
    struct loop *loop; /* NULL: not begun */
    bool is_below; /* to be set before scene_begin(): PROXY headers are expected; there are a TCP
                              Service's port and a host that passes through, "p.test" */
    bool speaks_http2_to_backends; /* likewise */
    uint8_t listener_kind;         /* of new clients; 0: HTTP */
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
/* Plays the input, act by act: each byte says who acts, the bytes behind it what is said.
 *
 *   0xxxxxxx  client (bit 0: which of two) sends the next x >> 1 bytes
 *   10xxxxxx  the backend's newest connection sends the next x bytes
 *   1100000c  client c leaves and another takes its place
 *   1100001x  the backend's newest connection closes
 *   110001xx  the clock goes on, by a tick up to more than any time-out
 *   else      client 0 says its end */
void scene_play(const uint8_t *data, size_t size);
/* Everyone leaves; whatever happened, nothing may stay behind. */
void scene_clear(void);

#endif
