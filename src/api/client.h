/* api/client.h
 *
 * Purpose    Requests to the API server on the event loop: HTTP/2 where offered, many at once on few
 *            connections, credentials kept fresh (only user of libcurl).
 * Ownership  The client owns its calls; what a callback is given borrows until it returns.
 * Lifetime   api_client_new() … api_client_free(), which ends all calls without a callback.
 * Roles      controller. A callback may start and cancel calls, its own too; it may not free the
 *            client.
 * Limits     A collected body larger than API_BODY_MAX, a header block larger than libcurl's: the call
 *            ends as API_CALL_TOO_LARGE.
 * Errors     Calls that fail end as such in on_done. Repeated are only: a call answered with 401, once, where
 *            other credentials were found since; and one that a kept connection refused without a byte of
 *            answer (libcurl does that, for every method). Redirects are not followed.
 * See        docs/cluster.md, docs/internals/api.md */
#ifndef YETT_API_CLIENT_H
#define YETT_API_CLIENT_H

#include <stdint.h>

#include "api/config.h"
#include "net/loop.h"

enum {
    API_BODY_MAX = 64 << 20,
    API_CONNECT_MS = 10 * 1000,
    API_TIMEOUT_MS = 30 * 1000, /* the usual timeout_ms of a call that is no watch */
};

enum api_method { API_GET, API_POST, API_PUT, API_PATCH, API_DELETE };

struct api_request {
    enum api_method method;
    struct span path;         /* "/api/v1/services?limit=500": escaped, copied */
    struct span content_type; /* of the body; empty: application/json */
    struct span accept;       /* empty: application/json */
    struct span body;         /* copied */
    uint32_t timeout_ms;      /* of the whole call; 0: none */
    uint32_t stall_ms;        /* no byte for so long ends it; 0: no limit */
    bool is_quiet;            /* little is to come: small buffers, as for a watch of one object */
};

enum api_call_result {
    API_CALL_OK = 0,      /* a 2xx, whole */
    API_CALL_STATUS,      /* another status; `message` is what the Status object said */
    API_CALL_UNREACHABLE, /* no connection, or no answer on it: name, TCP, TLS, proxy */
    API_CALL_CUT,         /* the answer began and broke off */
    API_CALL_TIMED_OUT, /* timeout_ms or stall_ms; if its connection was silent too, that is closed */
    API_CALL_CREDENTIALS, /* ours could not be read or made */
    API_CALL_TOO_LARGE,
    API_CALL_RESULTS_LEN,
};

struct api_reply {
    enum api_call_result result;
    uint32_t status;  /* HTTP; 0: none came */
    struct span body; /* collected: of a 2xx without on_body, and of any other status */
    struct span
        reason; /* of a Status object: "Expired", "Conflict", "AlreadyExists"; may be empty */
    struct span message;     /* what went wrong, in words; empty on OK */
    uint32_t retry_after_ms; /* as the server asked; 0: it did not */
};

struct api_call_events {
    /* The head of a 2xx has come; NULL: not asked for. */
    void (*on_open)(void *ctx);
    /* Bytes of a 2xx as they come; NULL: collected for on_done. */
    void (*on_body)(void *ctx, struct span bytes);
    /* Once, last; the call is gone after it. Not called for one that was cancelled. */
    void (*on_done)(void *ctx, const struct api_reply *reply);
};

struct api_client;
struct api_call;

/* Takes `config` over, also on failure. */
YETT_MUST_USE int api_client_new(struct loop *loop, struct api_config *config,
                                 struct api_client **ret_client);
struct api_client *api_client_free(struct api_client *client);

/* Never NULL, and no callback before the loop's next turn; `events` outlives the call. */
struct api_call *api_call_start(struct api_client *client, const struct api_request *request,
                                const struct api_call_events *events, void *ctx);
/* Ends it without a callback; NULL is fine. Returns NULL. */
struct api_call *api_call_cancel(struct api_call *call);

/* Of the context or the Pod; empty: not known. */
struct span api_client_namespace(const struct api_client *client);
/* "https://10.0.0.1:6443" */
struct span api_client_server(const struct api_client *client);
const char *api_call_result_name(enum api_call_result result);

/* What it has done, for metrics. */
struct api_client_facts {
    uint64_t calls[API_CALL_RESULTS_LEN]; /* ended, each by its result; not those cancelled */
    uint64_t connections;                 /* opened */
    uint32_t in_flight;                   /* started and not ended, waiting ones too */
    bool is_reachable;                    /* it answered last, with whatever status */
};
const struct api_client_facts *api_client_facts(struct api_client *client);

/* Told when the server's answers cease and when they come again, for the log: on the first failure
 * after an answer (or at the start), and on the first answer after a failure. May not use the client. */
typedef void api_client_reach_fn(void *ctx, bool is_reachable, struct span message);
void api_client_set_on_reach(struct api_client *client, api_client_reach_fn *on_reach, void *ctx);

#endif
