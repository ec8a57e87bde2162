/* cli/serving.h
 *
 * Purpose    What a running yett would serve: objects → model → image → the view that workers use.
 * Ownership  The caller unrefs the view; it borrows nothing.
 * Errors     SERVING_TOO_LARGE with a diagnostic; SERVING_BROKEN is a bug of yett's, told on standard
 *            error: here it costs a command, not a process that people depend on. */
#ifndef YETT_CLI_SERVING_H
#define YETT_CLI_SERVING_H

#include "image/view.h"
#include "ingress/compile.h"

enum serving_result { SERVING_OK = 0, SERVING_TOO_LARGE, SERVING_BROKEN };

/* Compiles, writes, opens and verifies as the controller does before it publishes. */
YETT_MUST_USE int serving_view_new(const struct kube_store *store,
                                   const struct ingress_options *options, struct diag_list *diags,
                                   struct image_view **ret_view);

/* The same of the manifests at `path`, which ends in NUL. What is wrong in them is the matter of `check`, but
 * errors are counted on standard error. */
YETT_MUST_USE int serving_view_read(struct span path, const struct ingress_options *options,
                                    struct image_view **ret_view);

#endif
