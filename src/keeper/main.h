/* keeper/main.h
 *
 * Purpose    The keeper role, which is there with --state-dir only: keeps the newest good image on disk
 *            without its keys, and at a cold start gives the one that it finds to the supervisor.
 * Roles      keeper. Called once by cli; returns the exit status.
 * Errors     None that matters to anyone else: trouble with the disk is logged, and traffic never
 *            waits for it.
 * See        docs/internals/lifecycle.md, "A cold start" */
#ifndef YETT_KEEPER_MAIN_H
#define YETT_KEEPER_MAIN_H

#include <stdint.h>

struct keeper_options {
    const char *state_dir;
    uint64_t flags; /* hash of those that say which objects are read, and what they mean */
};

int keeper_main(const struct keeper_options *options);

#endif
