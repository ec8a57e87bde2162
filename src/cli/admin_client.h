/* cli/admin_client.h
 *
 * Purpose    Ask a running yett: one GET over plain HTTP, blocking, for a person at a terminal.
 * Limits     ADMIN_CLIENT_BYTES_MAX an answer, ADMIN_CLIENT_TIMEOUT_S for each wait on the socket.
 * Errors     One sentence in *error. */
#ifndef YETT_CLI_ADMIN_CLIENT_H
#define YETT_CLI_ADMIN_CLIENT_H

#include "base/buf.h"

enum { ADMIN_CLIENT_TIMEOUT_S = 10 };
#define ADMIN_CLIENT_BYTES_MAX (256u << 20) /* the table of 100,000 Ingresses and some */

/* What admin_client_get() can be given: "http://127.0.0.1:10254"; a path does not matter. */
bool admin_client_is_url(struct span text);

/* Fetches `path` from `url`, which is one; appends the body to `ret_body`. False with the reason
 * appended to `error`: not reached, not HTTP, or another status than 200. */
YETT_MUST_USE bool admin_client_get(struct span url, struct span path, struct buf *error,
                                    struct buf *ret_body);

#endif
