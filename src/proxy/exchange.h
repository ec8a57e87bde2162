/* proxy/exchange.h
 *
 * Purpose    One request and its answer: route it, filter it, attempt endpoints, pump both bodies, count
 *            and log it. docs/internals/exchange.md draws its states.
 * Ownership  The exchange owns the request's head (its buffer), a reference to the image that it was
 *            routed with, and the upstream connection of its attempt. It borrows the client.
 * Lifetime   exchange_begin() … exchange_end(), by the client connection; pooled per worker. */
#ifndef YETT_PROXY_EXCHANGE_H
#define YETT_PROXY_EXCHANGE_H

#include "http/h1.h"
#include "http/target.h"
#include "image/match.h"
#include "proxy/access_format.h"
#include "proxy/pump.h"
#include "proxy/resolver.h"
#include "proxy/upstream.h"

struct client;
struct worker;

enum exchange_state {
    EXCHANGE_ROUTING,
    EXCHANGE_RESOLVING, /* waits for an ExternalName's address */
    EXCHANGE_CONNECTING,
    EXCHANGE_SENDING,    /* the request is on its way, no answer yet */
    EXCHANGE_RESPONDING, /* the answer's head stands in the client's output */
    EXCHANGE_DONE,       /* the answer is complete: the client takes over */
    EXCHANGE_ABORTED,    /* it cannot be completed: the client closes the connection */
};

/* What the client says of itself, after trust was considered. */
struct exchange_origin {
    struct ip_addr ip;
    char ip_text[IP_TEXT_MAX];
    uint8_t ip_text_len;
    struct span scheme; /* "http", "https", or a trusted X-Forwarded-Proto */
    struct span host;   /* for X-Forwarded-Host and Host */
    struct span port;   /* for X-Forwarded-Port */
    char port_text[8];
};

enum { EXCHANGE_TRIES_LOGGED = 4, EXCHANGE_REQUEST_ID_LEN = 32 };

struct exchange {
    struct worker *worker;
    struct client *client;
    enum exchange_state state;
    struct exchange *next_free;

    struct image_view *view; /* the generation that it finishes on; NULL before the first image */
    const struct image_rule *rule;       /* NULL: answered without one */
    const struct image_service *service; /* NULL likewise */
    const struct image_policy *policy;
    struct image_endpoints endpoints;

    struct iobuf *head_buf; /* the request's head, and its body where that came with it whole */
    size_t request_head_bytes;
    struct span whole_body; /* content that lies in head_buf behind the head; replayable */
    bool body_is_whole;     /* nothing of the body is to come from the connection */
    bool body_started;      /* bytes of the body were consumed: no further try */
    bool wants_continue;    /* 100 Continue is owed before the body is read */
    bool is_health;         /* came to the health listener */
    bool client_may_keep;   /* the connection is fit for another request after this one */
    bool upgrade_asked;     /* an upgrade was passed on */
    bool try_was_sent;      /* bytes of the request reached the present connection */
    bool request_is_sent;   /* whole, body included */
    bool request_is_broken; /* the backend stopped taking it; its answer may be on the way */
    bool answer_is_local;
    struct target target;
    struct span host, path; /* normalised, for matching */
    struct exchange_origin origin;
    char request_id[EXCHANGE_REQUEST_ID_LEN];
    struct span request_id_text;

    struct upstream *upstream; /* of the present try; NULL: none */
    uint32_t tries;            /* begun, without those that a stale connection granted */
    uint32_t stale_tries;
    uint32_t interims;
    struct resolver_query query;
    struct loop_timer timer; /* of the present try */
    uint64_t wait_until_ms; /* its end; the timer may fire before, to see whether anyone is there */
    struct loop_task again; /* goes on after others had their turn */
    struct h1_parser response_parser;
    struct pump request_pump, response_pump;

    uint16_t status;                              /* sent to the client; 0: none yet */
    uint64_t start_us;                            /* when its first byte was read */
    uint64_t request_bytes;                       /* head and content */
    uint64_t response_head_bytes, response_bytes; /* sent: head; content */
    struct access_try tried[EXCHANGE_TRIES_LOGGED];
    uint32_t tried_len;

    struct http_head request, response;
    /* Below here is not cleared when an exchange begins. */
    char host_text[256];
    struct http_header request_headers[HTTP_HEADERS_MAX], response_headers[HTTP_HEADERS_MAX];
};

/* A cleared exchange from the pool: `request` and `request_headers` are to be filled by the parser. */
struct exchange *exchange_take(struct client *client);
/* Back to the pool, of one that never began. */
void exchange_give_back(struct exchange *exchange);

/* Begins with the request that was parsed from the start of `head_buf`, which the exchange takes; its
 * body may follow there. The exchange may be over (DONE or ABORTED) when this returns. */
void exchange_begin(struct exchange *exchange, struct iobuf *head_buf, size_t head_bytes);

/* Answers a request whose head could not be understood, and is done. */
void exchange_refuse(struct exchange *exchange, uint16_t status);

/* Either stream may go on. */
void exchange_run(struct exchange *exchange);

/* The client takes no more, or sends no more: answers 408 where it still can, else gives up. */
void exchange_client_timed_out(struct exchange *exchange);

/* Counts, logs, lets go of everything. */
void exchange_end(struct exchange *exchange);

/* ---- for the exchange's own files ---- */

/* Sends an answer of the gate's own; `extra` are whole field lines or "". */
void exchange_respond(struct exchange *exchange, uint16_t status, struct span extra);
/* Gives up: the client's connection will be closed. `status` is what is logged. */
void exchange_abort(struct exchange *exchange, uint16_t status);
void exchange_set_state(struct exchange *exchange, enum exchange_state state);
/* The facts for log and counters; borrows from the exchange. */
struct access_record exchange_record(struct exchange *exchange);

#endif
