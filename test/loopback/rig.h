/* rig.h
 *
 * Purpose    A whole worker inside a test: its clients are socket pairs, its backends listening sockets
 *            of the same process, its clock stands still unless the test turns it.
 * Ownership  rig_new() gives everything to the rig; ends that a test got it closes with end_close().
 * Lifetime   rig_new() … rig_free(), which checks that nothing was lost: no buffer, no connection.
 * Units      rig_pass_ms() turns the clock; waiting for bytes costs real time, bounded by a deadline. */
#ifndef YETT_TEST_LOOPBACK_RIG_H
#define YETT_TEST_LOOPBACK_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "image/writer.h"
#include "proxy/client/h1_client.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

enum {
    RIG_BACKENDS_MAX = 4,
    /* How long a machine may take for what loopback sockets do at once. */
    RIG_PATIENCE_MS = 5000,
};

/* The test's end of a connection. */
struct end {
    int fd; /* -1: closed */
    struct buf got;
    bool ended; /* the worker sent its end, or reset */
};

struct rig_options {
    struct route_policy policy;     /* of the one rule, any host and path; zeroed: the defaults */
    struct route_settings settings; /* likewise; never generates request ids */
    unsigned backends;              /* endpoints of its Service; 0: one */
    bool no_image;                  /* the worker has none yet */
    const struct route_certificate *certificate; /* default one; NULL: none */
    const struct route_authorities *authorities; /* that policies and hosts may name; NULL: none */
    const struct route_filter *filter;           /* one of the rule's; NULL: none */
    /* Adds to a model that is about to be published; `path` has the one rule. NULL: nothing. */
    void (*extend)(struct route_model *model, const struct route_path *path);
};

struct rig {
    struct loop *loop;
    struct worker worker;
    struct stats_page *stats;
    struct image_writer *writer;
    struct rig_options options;
    int listeners[RIG_BACKENDS_MAX];
    uint16_t ports[RIG_BACKENDS_MAX];
    int log_fd; /* reading end of the access log */
    uint64_t now_ms;
    int small_buffers; /* bytes of send and receive buffers of ends made from now on; 0: as they are */
};

/* Defaults with which a test begins to change something. */
struct rig_options rig_options_default(void);
struct rig *rig_new(const struct rig_options *options);
void rig_free(struct rig *rig);
/* Without first letting the worker do what it still can. */
void rig_free_at_once(struct rig *rig);

/* Publishes a new image for rig->options, with endpoints [first, first + len) of the backends. */
void rig_publish(struct rig *rig, unsigned first, unsigned len);

/* Lets the worker do all that it can do without more bytes or time. */
void rig_settle(struct rig *rig);
void rig_pass_ms(struct rig *rig, uint64_t ms);
/* Settles, for one who has been waiting since `start_ns` (clock_mono_ns()). False: RIG_PATIENCE_MS are over. */
bool rig_wait(struct rig *rig, uint64_t start_ns);

/* A new client connection to the listener of that kind. */
struct end rig_client(struct rig *rig, enum proc_listener_kind kind);
/* The next connection to a backend; fails the test where none comes. */
struct end rig_backend(struct rig *rig, unsigned index);
/* The next connection to any of them; returns which. */
unsigned rig_backend_any(struct rig *rig, struct end *ret_end);
/* A connection that is there already. False: none is. */
bool rig_backend_try(struct rig *rig, unsigned index, struct end *ret_end);
/* Whether a connection to that backend waits, after settling; it is closed. */
bool rig_backend_called(struct rig *rig, unsigned index);

void end_send(struct rig *rig, struct end *end, const char *text);
void end_send_bytes(struct rig *rig, struct end *end, struct span bytes);
/* No more will be said. */
void end_finish(struct rig *rig, struct end *end);
void end_close(struct end *end);
/* Closes so that the worker sees a reset. */
void end_reset(struct end *end);

/* Takes what came so far. */
void end_receive(struct end *end);
/* Forgets the first bytes of what came. */
void end_drop(struct end *end, size_t len);
/* Exactly these bytes come next. */
void end_expect(struct rig *rig, struct end *end, const char *text);
void end_expect_bytes(struct rig *rig, struct end *end, struct span bytes);
/* A head comes next, which stays in end->got; returns its length, up to its empty line. */
size_t end_await_head(struct rig *rig, struct end *end);
/* A head (or whole answer) comes next that starts so; it is taken, up to its empty line. Returns it
 * in end->got's memory, valid until more comes. */
void end_expect_head(struct rig *rig, struct end *end, const char *start);
/* A head comes next that has this line. */
void end_expect_line(struct rig *rig, struct end *end, const char *line);
/* An answer of the gate's own with this status, taken whole. */
void end_expect_status(struct rig *rig, struct end *end, unsigned status);
/* The worker sends its end next, and nothing before it. */
void end_expect_end(struct rig *rig, struct end *end);
/* The connection is open, and nothing came. */
void end_expect_silence(struct rig *rig, struct end *end);

/* One GET through the gate, answered "ok" on a kept connection: the shortest whole exchange. `backend`
 * -1 in fd: the next connection is accepted. */
void rig_exchange(struct rig *rig, struct end *client, struct end *backend, unsigned index);

/* What the access log says so far. */
struct span rig_log(struct rig *rig, char *at, size_t room);

/* The state of the only client, who speaks HTTP/1.1. */
struct h1_client *rig_only_client(struct rig *rig);

#define RIG_GET "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
#define RIG_OK  "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: 2\r\n\r\nok"

#endif
