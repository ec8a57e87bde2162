/* proxy/log/access_format.h
 *
 * Purpose    An access log format, compiled once, and the facts of one request that fill it.
 * Ownership  The format owns a copy of its text. A record borrows everything.
 * See        docs/compatibility.md, "Access log": the variables and where they come from */
#ifndef YETT_PROXY_LOG_ACCESS_FORMAT_H
#define YETT_PROXY_LOG_ACCESS_FORMAT_H

#include "base/buf.h"
#include "base/ip.h"
#include "base/vec.h"
#include "http/message.h"

enum access_escape { ACCESS_ESCAPE_DEFAULT, ACCESS_ESCAPE_JSON, ACCESS_ESCAPE_NONE };

/* One connection to an endpoint. */
struct access_try {
    struct ip_addr ip;
    uint16_t port;                                      /* 0: no address to tell */
    uint16_t status;                                    /* 0: no answer came */
    uint64_t start_us, connected_us, header_us, end_us; /* 0: not reached */
    uint64_t response_bytes;
};

/* Who a client is, where it was asked for a certificate (tls/peer.h). */
struct access_client {
    struct span verify, subject_dn, issuer_dn, serial, fingerprint;
};

struct access_record {
    const struct http_head *request; /* its fields answer $http_NAME */
    struct span client_ip;
    struct ip_addr peer_ip;           /* whose connection it is */
    const struct ip_addr *proxied_ip; /* whose it is by its PROXY header; NULL: none said it */
    uint16_t client_port, server_port;
    struct span scheme, host, path, query; /* path: normalised */
    struct span protocol;                  /* "TCP", "UDP"; empty: HTTP */
    struct span request_id;
    uint16_t status;
    uint64_t request_bytes, response_head_bytes, response_bytes;
    uint64_t duration_us;
    uint64_t wall_ns; /* when it ended */
    struct span namespace, ingress, service, service_port, upstream_name;
    const struct access_try *tries;
    size_t tries_len;
    struct span tls_protocol, tls_cipher, tls_server_name;
    struct access_client tls_client;
    uint64_t connection_requests;
};

struct access_op;

struct access_format {
    struct span text; /* owned */
    enum access_escape escape;
    VEC(struct access_op) ops;
    uint64_t time_second; /* the second that time_local was made for */
    char time_local[32];
};

/* ingress-nginx's log-format-upstream, and a JSON object with the same facts. */
extern const struct span access_format_ingress_nginx, access_format_json;
/* Likewise below HTTP: log-format-stream. */
extern const struct span access_format_stream, access_format_stream_json;

/* Compiles `text`; unknown variables print "-", as missing values do. */
void access_format_set(struct access_format *format, struct span text, enum access_escape escape);
void access_format_deinit(struct access_format *format);
/* Appends the line, without its end. */
void access_format_write(struct access_format *format, const struct access_record *record,
                         struct buf *out);

#endif
