/* cli/echo_plan.h
 *
 * Purpose    What `yett echo` does with a request, as its path asks: tests and demonstrations need
 *            backends that are slow, large, broken or strange on demand. Pure.
 * Limits     Numbers in paths are capped, so that a typing error does not run for a year. */
#ifndef YETT_CLI_ECHO_PLAN_H
#define YETT_CLI_ECHO_PLAN_H

#include "http/message.h"

enum {
    ECHO_DELAY_MS_MAX = 10 * 60 * 1000,
    ECHO_CHUNKS_MAX = 1000000,
    ECHO_DRIP_MS = 100, /* between two drops where the path does not say */
};
#define ECHO_BYTES_MAX (1ull << 40)

enum echo_kind {
    ECHO_REPORT,  /* what was received; after /delay/MS, and with the status of /status/CODE */
    ECHO_HINTS,   /* /hints: a 103 before the report */
    ECHO_BYTES,   /* /bytes/N */
    ECHO_CHUNKED, /* /chunked/N: N chunks of a line each, and a trailer */
    ECHO_DRIP,    /* /drip/N/MS: the same, one chunk every MS milliseconds */
    ECHO_CLOSE,   /* /close: closes the connection without a word */
    ECHO_CUT,     /* /cut/N: promises N bytes, sends half of them, closes */
    ECHO_TUNNEL,  /* Upgrade: echo: sends back whatever comes */
};

struct echo_plan {
    enum echo_kind kind;
    uint16_t status;
    uint32_t delay_ms; /* before the answer, or between drops */
    uint64_t amount;   /* bytes or chunks */
};

/* What a request asks for; a path that asks for nothing known is reported. */
struct echo_plan echo_plan_for(const struct http_head *head);

#endif
