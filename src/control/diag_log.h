/* control/diag_log.h
 *
 * Purpose    Log a diagnostic once: when it appears, and not again while it stays the same.
 * Ownership  Keeps fingerprints only.
 * Lifetime   A zeroed struct is empty; diag_log_deinit() returns it to that.
 * Limits     DIAGS_MAX, by way of the list. */
#ifndef YETT_CONTROL_DIAG_LOG_H
#define YETT_CONTROL_DIAG_LOG_H

#include "base/map.h"
#include "kube/diag.h"

struct diag_log {
    struct idmap known; /* fingerprints of the list before */
};

void diag_log_deinit(struct diag_log *log);

/* The same for the same finding about the same object, wherever in its text it stands. */
uint64_t diag_fingerprint(const struct diag *diag);

/* Logs what of `diags` was not in the list before; returns how many lines that were. */
size_t diag_log_update(struct diag_log *log, const struct diag_list *diags);

#endif
