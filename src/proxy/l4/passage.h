/* proxy/l4/passage.h
 *
 * Purpose    A connection that is passed on byte for byte, below HTTP: that of a TCP Service, or one whose
 *            TLS is the backend's (passthrough). An endpoint is chosen as for a request and tried as
 *            proxy-stream-next-upstream says, then bytes go both ways, each direction with its own end,
 *            until both ended or nothing moved for proxy-stream-timeout.
 * Ownership  Is the connection's speaker. Owns the connection to the endpoint; an image only until that
 *            stands; no buffer while idle.
 * Limits     PROXY_PASSAGE_CONNECT_TIMEOUT_MS a try, PROXY_TRIES_MAX tries.
 * See        docs/tcp-udp.md */
#ifndef YETT_PROXY_L4_PASSAGE_H
#define YETT_PROXY_L4_PASSAGE_H

#include "image/view.h"

struct connection;

/* To the Service of the connection's port. Closes the connection where there is none. */
void passage_begin_port(struct connection *connection);

/* To `service`, with what the connection has received so far, because `server_name` was asked for. */
void passage_begin(struct connection *connection, const struct image_service *service,
                   struct span server_name);

#endif
