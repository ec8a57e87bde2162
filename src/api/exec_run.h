/* api/exec_run.h
 *
 * Purpose    One run of an exec plugin: a program, its standard output, its end.
 * Ownership  The run owns its process, with all that it started in its process group; borrows the loop.
 * Lifetime   api_exec_run_start() … api_exec_run_free(), from its on_done too; that kills what still runs.
 * Roles      controller, with a sandbox that lets it exec.
 * Limits     EXEC_RUN_MS of time, EXEC_OUTPUT_MAX bytes of output; over either, the run fails. Of standard
 *            error the first EXEC_STDERR_MAX bytes are kept, for the error.
 * Errors     A sentence without a name in front. */
#ifndef YETT_API_EXEC_RUN_H
#define YETT_API_EXEC_RUN_H

#include "api/config.h"
#include "net/loop.h"

enum {
    EXEC_RUN_MS = 60 * 1000,
    EXEC_OUTPUT_MAX = 1 << 20,
    EXEC_STDERR_MAX = 512,
};

struct api_exec_run;

/* `output` is what it wrote, where it ended with 0; else `error` says what happened. */
typedef void api_exec_done_fn(void *ctx, bool is_ok, struct span output, struct span error);

/* Starts it with `info` as KUBERNETES_EXEC_INFO. Returns 0 or -errno, of which *error says more. */
YETT_MUST_USE int api_exec_run_start(struct loop *loop, const struct api_exec *exec,
                                     struct span info, api_exec_done_fn *on_done, void *ctx,
                                     struct api_exec_run **ret_run, struct buf *error);
struct api_exec_run *api_exec_run_free(struct api_exec_run *run);

/* For tests: another time limit than EXEC_RUN_MS. */
void api_exec_run_set_limit(struct api_exec_run *run, uint32_t limit_ms);

#endif
