/* test/unit/supervisor/fake_roles.h
 *
 * Purpose    A worker, a controller and a keeper that do as the test says and report all that happens to them,
 *            over a UNIX datagram socket of the test's ("hub") whose abstract name is argv[1]: one
 *            queue, so that reports arrive in the order in which things happened.
 * See        test_main.c, which the supervisor runs again for each role */
#ifndef YETT_TEST_FAKE_ROLES_H
#define YETT_TEST_FAKE_ROLES_H

#include <stdint.h>
#include <sys/types.h>

#include "proc/inherit.h"

/* First byte of an image: what a worker does with it. */
enum fake_image {
    FAKE_GOOD = 'g',
    FAKE_REFUSED = 'r',
    FAKE_CRASHES = 'c',
    FAKE_HANGS = 'h',
    FAKE_WAITS = 'w',    /* good, but taken only when the test says so */
    FAKE_STUBBORN = 's', /* as good, but the worker does not end when it is drained */
};

enum fake_report_kind {
    FAKE_UP = 1,  /* `hello` is what it was greeted with, `fds` which descriptors it has */
    FAKE_IMAGE,   /* worker, keeper: `generation` arrived, with `value` descriptors */
    FAKE_DRAIN,   /* worker: `value` grace, `value2` drain time */
    FAKE_ANSWER,  /* controller: message kind `value`, its result `value2`, `generation`, and
                     `image`: first byte of the image that came along, 0: none did */
    FAKE_LEAVING, /* worker: drained; controller: told to end. About to exit 0 */
};

struct fake_report {
    uint32_t kind, role, index;
    pid_t pid;
    uint64_t generation;
    uint32_t value;
    int32_t value2;
    uint64_t fds; /* bit n: descriptor n is open */
    uint32_t image;
    struct proc_hello hello;
};

/* To the controller: publish this. To a worker: raise signal `generation`, or, 0, take the image that
 * came last. To the keeper: this is what was found (generation 0: nothing), or, without an image, raise
 * signal `generation`. */
struct fake_command {
    uint64_t generation;
    uint32_t image; /* enum fake_image */
};

/* main() of a role; returns its exit status. */
int fake_role_main(const char *hub_name);

#endif
