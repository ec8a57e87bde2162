/* proxy/exchange/exchange.h
 *
 * Purpose    One request and its answer: route it, filter it, attempt endpoints, pump both bodies, count
 *            and log it. docs/internals/exchange.md draws its states.
 * Ownership  The exchange owns the request's head (its buffer), a reference to the image that it was
 *            routed with, and the upstream of its attempt. It borrows the client's side.
 * Lifetime   exchange_begin() … exchange_end(), by the client's side; pooled per worker. */
#ifndef YETT_PROXY_EXCHANGE_EXCHANGE_H
#define YETT_PROXY_EXCHANGE_EXCHANGE_H

#include "http/target.h"
#include "image/match.h"
#include "proxy/body/pump.h"
#include "proxy/client/downstream.h"
#include "proxy/log/access_format.h"
#include "proxy/stream/iobuf.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/resolver.h"
#include "proxy/upstream/upstream.h"

struct client_identity;
struct compress_sink;
struct worker;

enum exchange_state {
    EXCHANGE_ROUTING,
    EXCHANGE_RESOLVING, /* waits for an ExternalName's address */
    EXCHANGE_CONNECTING,
    EXCHANGE_SENDING,    /* the request is on its way, no answer yet */
    EXCHANGE_RESPONDING, /* the answer's head stands in the client's output */
    EXCHANGE_DONE,       /* the answer is complete: the client's side takes over */
    EXCHANGE_ABORTED,    /* it cannot be completed: the client's side cuts it off */
};

/* What is waited for from the client, with a limit. */
enum exchange_wait {
    EXCHANGE_WAIT_NOTHING,
    EXCHANGE_WAIT_BODY, /* more of its request */
    EXCHANGE_WAIT_SEND, /* that it takes more of its answer */
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

/* The page that goes with an answer of the gate's own. */
enum { EXCHANGE_PAGE_MAX = 512 };

struct exchange {
    struct worker *worker;
    struct downstream *client;
    enum exchange_state state;
    struct exchange *next_free;

    struct image_view *view; /* the generation that it finishes on; NULL before the first image */
    const struct image_rule *rule;       /* NULL: answered without one */
    const struct image_service *service; /* NULL likewise */
    const struct image_policy *policy;
    struct image_endpoints endpoints;
    const struct image_client_auth *client_auth; /* of the request's host; NULL: it asks for none */
    struct client_identity *identity; /* by which the client was judged; NULL: it was not */

    struct iobuf *head_buf; /* the request's head, and its body where that came with it whole */
    size_t request_head_bytes;
    struct span whole_body; /* content that lies in head_buf behind the head; replayable */
    bool body_is_whole;     /* nothing of the body is to come from the client's source */
    bool body_started;      /* bytes of the body were consumed: no further try */
    bool wants_continue;    /* 100 Continue is owed before the body is read */
    bool is_health;         /* came to the health listener */
    bool client_may_keep;   /* the connection is fit for another request after this one */
    bool upgrade_asked;     /* an upgrade was passed on */
    bool try_was_sent;      /* bytes of the request reached the present connection */
    bool request_is_sent;   /* whole, body included */
    bool request_is_broken; /* the backend stopped taking it; its answer may be on the way */
    bool answer_is_local;
    bool client_end_noted; /* it said its end while the backend was silent */
    bool asks_for_page;    /* by GET for a page of the host's own, whatever was asked for */
    bool answer_varies;    /* what the client accepts decides on how its content is coded */
    bool is_grpc;          /* the client speaks it: errors are told in its words */
    bool is_grpc_call;     /* and the backend of the present try does: the call has its own time */
    uint32_t grpc_deadline_ms; /* of such a call, from when it began; 0: any */
    struct target target;
    struct span host, path; /* normalised, for matching */
    struct span request_id_text;

    struct loop_timer client_timer;
    enum exchange_wait client_wait; /* what that timer is armed for */
    struct upstream *upstream;      /* of the present try; NULL: none */
    uint32_t tries;                 /* begun, without those that a stale connection granted */
    uint32_t stale_tries;
    uint32_t interims;
    struct resolver_query query;
    struct loop_timer timer; /* of the present try */
    uint64_t wait_until_ms; /* its end; the timer may fire before, to see whether anyone is there */
    struct loop_task again; /* goes on after others had their turn */
    struct span page_words; /* what an own answer's page says more; empty: nothing */
    struct memory_source memory; /* of whole_body; then of an own answer's page */
    struct pump request_pump, response_pump;
    struct compress_sink *compressor; /* of the answer's content; NULL: it goes as it is */

    uint16_t status;                              /* sent to the client; 0: none yet */
    uint64_t start_us;                            /* when its first byte was read */
    uint64_t response_head_bytes, response_bytes; /* sent: heads, interim ones too; content */
    uint32_t tried_len;

    /* From here on nothing is cleared when an exchange begins: it is written before it is read. */
    struct http_head request, response;
    struct exchange_origin origin;
    struct access_try tried[EXCHANGE_TRIES_LOGGED];
    char request_id[EXCHANGE_REQUEST_ID_LEN];
    char host_text[256];
    char page[EXCHANGE_PAGE_MAX];
    struct http_header request_headers[HTTP_HEADERS_MAX], response_headers[HTTP_HEADERS_MAX];
};

/* A cleared exchange from the pool: `request` and `request_headers` are to be filled by the parser. */
struct exchange *exchange_take(struct downstream *client);
/* Back to the pool, of one that never began. */
void exchange_give_back(struct exchange *exchange);

/* Begins with the request whose head was parsed from the start of `head_buf`, which the exchange takes.
 * body_is_whole is set, and whole_body, which lies in `head_buf` too. The exchange may be over when this
 * returns. */
void exchange_begin(struct exchange *exchange, struct iobuf *head_buf, size_t head_bytes);

/* Answers a request whose head could not be understood, and is done. */
void exchange_refuse(struct exchange *exchange, uint16_t status);

/* Either side may go on. */
void exchange_run(struct exchange *exchange);

/* What the backend is asked by; request.method_text is what the client said. */
static inline struct span exchange_method(const struct exchange *exchange)
{
    return exchange->asks_for_page ? SPAN("GET") : exchange->request.method_text;
}

static inline bool exchange_is_over(const struct exchange *exchange)
{
    return exchange->state == EXCHANGE_DONE || exchange->state == EXCHANGE_ABORTED;
}

/* Counts, logs, lets go of everything. */
void exchange_end(struct exchange *exchange);

/* ---- for the exchange's own files ---- */

/* Sends an answer of the gate's own; `extra` are whole field lines or "". */
void exchange_respond(struct exchange *exchange, uint16_t status, struct span extra);
/* Gives up: the client will see that something is missing. `status` is what is logged. */
void exchange_abort(struct exchange *exchange, uint16_t status);
void exchange_set_state(struct exchange *exchange, enum exchange_state state);
/* Arms the client's timer; EXCHANGE_WAIT_NOTHING costs nothing. */
void exchange_wait_for_client(struct exchange *exchange, enum exchange_wait wait,
                              uint64_t timeout_ms);
/* The present try, or the last one; there was one. */
static inline struct access_try *exchange_try(struct exchange *exchange)
{
    return &exchange->tried[exchange->tried_len - 1];
}
/* The facts for log and counters; borrows from the exchange. */
struct access_record exchange_record(struct exchange *exchange);

#endif
