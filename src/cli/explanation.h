/* cli/explanation.h
 *
 * Purpose    What becomes of one request, and why: the workers' look-up with its trace, as text or
 *            JSON.
 * Ownership  Borrows the view and the texts of the request; owns the trace. */
#ifndef YETT_CLI_EXPLANATION_H
#define YETT_CLI_EXPLANATION_H

#include "base/buf.h"
#include "image/match.h"

/* How the request ends, as far as the gate can say it. */
enum explanation_end {
    EXPLANATION_PASSTHROUGH, /* TLS goes by undecrypted, to a Service that is not asked for the path */
    EXPLANATION_SHUT,        /* 403: the host cannot check its clients */
    EXPLANATION_NO_SUBJECT,   /* 403: a subject is wanted, and none asked for */
    EXPLANATION_BACKEND,      /* an endpoint answers */
    EXPLANATION_FILTER,       /* a filter answers: `status` */
    EXPLANATION_NO_ENDPOINTS, /* 503 */
    EXPLANATION_NO_RULE,      /* the built-in 404 */
};

struct explanation {
    const struct image_view *view;
    struct image_request request;
    struct span scheme;   /* "http" or "https" */
    struct span raw_path; /* as it was asked for */
    enum image_match_result result;
    struct image_match match;
    struct arena arena;
    struct image_trace trace;
    enum explanation_end end;
    uint32_t filter; /* EXPLANATION_FILTER: which of the rule's */
    uint16_t status; /* what the gate itself answers; 0: what the backend does */
};

/* Looks the request up. */
void explanation_init(struct explanation *explanation, const struct image_view *view,
                      const struct image_request *request, struct span scheme,
                      struct span raw_path);
void explanation_deinit(struct explanation *explanation);

void explanation_append_text(const struct explanation *explanation, struct buf *out);
void explanation_append_json(const struct explanation *explanation, struct buf *out);

/* What the host says of client certificates, and be it "off"; NULL: nothing, TLS passes through, or no host takes it. */
const struct image_client_auth *explanation_client_auth(const struct explanation *explanation);

/* False: it ends before filters and backends of the rule are looked at. */
bool explanation_asks_rule(const struct explanation *explanation);

/* Words of a step, shared by both forms: "host-exact". */
const char *explanation_step_name(enum image_step_kind kind);

/* A filter of the rule that takes this request would answer it. */
bool explanation_filter_answers(const struct explanation *explanation,
                                const struct image_filter *filter);

#endif
