/* cli/echo_server.h
 *
 * Purpose    The listener of `yett echo` and what its connections share.
 * Lifetime   As long as the process. */
#ifndef YETT_CLI_ECHO_SERVER_H
#define YETT_CLI_ECHO_SERVER_H

#include "base/span.h"
#include "net/loop.h"

struct echo_server {
    struct loop *loop;
    struct loop_watch listener;
    struct loop_timer accept_again; /* after the descriptors ran out */
    struct span name;
    bool always_json;
    uint64_t connections; /* accepted so far */
};

/* Takes over the connected socket `fd`, for as long as its peer stays. */
void echo_connection_start(struct echo_server *server, int fd);

#endif
