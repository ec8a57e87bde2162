/* cli/echo_report.h
 *
 * Purpose    The answer of `yett echo`: what it received, as text for people or JSON for programs.
 * Lifetime   echo_report_begin() with the head, echo_report_end() once the body is over.
 * Limits     ECHO_BODY_SHOWN bytes of a body are shown; all are counted. */
#ifndef YETT_CLI_ECHO_REPORT_H
#define YETT_CLI_ECHO_REPORT_H

#include "base/buf.h"
#include "http/message.h"

enum { ECHO_BODY_SHOWN = 4096 };

struct echo_facts {
    struct span name;    /* of this backend */
    uint64_t connection; /* counted from 1 */
    uint64_t request;    /* on this connection, from 1 */
    bool as_json;
};

/* Appends what the head says. */
void echo_report_begin(const struct echo_facts *facts, const struct http_head *head,
                       struct buf *out);

/* Appends the trailers and the body; `shown` is its beginning, `bytes` its whole length. */
void echo_report_end(const struct echo_facts *facts, const struct http_header *trailers,
                     size_t trailers_len, struct span shown, uint64_t bytes, struct buf *out);

#endif
