/* proxy/exchange/grpc.h
 *
 * Purpose    What the gate has to know of gRPC: which requests are of it, how long they may take, and how its
 *            own errors are told to those who understand no others.
 * See        https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md, http-grpc-status-mapping.md */
#ifndef YETT_PROXY_EXCHANGE_GRPC_H
#define YETT_PROXY_EXCHANGE_GRPC_H

#include "http/message.h"

/* By its Content-Type; gRPC-Web, which is for HTTP/1.1, is another protocol. */
bool grpc_is_request(const struct http_head *request);

/* The time that the client gives its call, at most PROXY_GRPC_DEADLINE_MAX_MS; 0: any. */
uint32_t grpc_deadline_ms(const struct http_head *request);

/* What a status of HTTP is in gRPC. */
uint8_t grpc_status_of(uint16_t status);

#endif
