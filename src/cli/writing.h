/* cli/writing.h
 *
 * Purpose    The flags of `yett run` that say what is written into a cluster; their rows stand in run_flags.h.
 * Ownership  Texts borrow from argv. */
#ifndef YETT_CLI_WRITING_H
#define YETT_CLI_WRITING_H

#include "cli/options.h"
#include "control/main.h"

struct writing_flags {
    struct span election_id;
    uint32_t election_ttl_ms;
    bool no_election;
    bool update_status, update_status_on_shutdown;
    uint32_t status_interval_ms;
    struct ingress_object_name publish_service;
    struct span publish_status_address;
    bool report_internal;
    bool no_sync_events;
};

struct writing_flags writing_flags_default(void);

/* False: a value is of no use, or two do not go together; the sentence is appended to `error`. */
bool writing_check(const struct writing_flags *flags, struct buf *error);

/* A flag says something else than it does by default. */
bool writing_is_given(const struct writing_flags *flags);

struct writer_options writing_options(const struct writing_flags *flags, struct span pod_name,
                                      struct span pod_namespace);

#endif
