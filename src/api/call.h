/* api/call.h
 *
 * Purpose    One request on its way: what libcurl has to know of it, and what came back so far.
 * Ownership  The call owns its transfer, its body and a reference to the identity that it went out with.
 * Lifetime   api_call_new() … api_call_free(), which api/client.c alone decides. One that was cancelled lives
 *            on until the loop's next turn, since libcurl may be in the midst of it.
 * Roles      Inside the room only. */
#ifndef YETT_API_CALL_H
#define YETT_API_CALL_H

#include "api/address.h"
#include "api/client.h"
#include "api/identity.h"
#include "api/transport.h"

enum api_call_state {
    CALL_WAITING, /* for the loop's next turn, credentials, or a connection that is being made */
    CALL_RUNNING, /* libcurl has it */
    CALL_CANCELLED,
    CALL_ENDING, /* its on_done runs */
};

enum {
    /* libcurl 7.88 at times forgets the first bytes of a body that it read together with the head of an
     * answer over HTTP/2, until more comes, which for a watch may be a minute. */
    CALL_NUDGE_MS = 64, /* and then twice as long each time, */
    CALL_NUDGES_MAX_MS = 2048,
};

enum { CALL_HEADERS_MAX = 5 };

struct api_call {
    struct list link; /* in the client's list of its state */
    struct api_client *client;
    struct loop *loop;
    enum api_call_state state;
    const struct api_call_events *events;
    void *ctx;
    void (*on_answer)(struct api_call *call); /* its head came, whatever it says; from libcurl */

    struct api_transfer transfer;
    struct api_identity *identity; /* NULL: never went out */
    char *accept, *content_type;   /* header lines; NULL: the usual one */
    char *request_body;
    struct curl_slist headers[CALL_HEADERS_MAX]; /* ours; the last leads to the identity's */
    size_t headers_len;
    bool was_repeated, is_too_large;

    uint32_t timeout_ms, stall_ms;
    uint64_t started_ms, heard_ms; /* bytes came last at heard_ms */
    uint32_t nudge_ms; /* until the body begins: when libcurl is to look for it again; 0: no need */
    struct loop_timer timer;
    struct buf body;
    char error[CURL_ERROR_SIZE];
};

struct api_call *api_call_new(struct loop *loop, const struct api_request *request,
                              const struct api_address *address);
struct api_call *api_call_free(struct api_call *call);

/* Gives libcurl what the call goes out with; takes over the reference. */
void api_call_prepare(struct api_call *call, const struct api_config *config,
                      struct api_identity *identity);

/* 0: none came. */
uint32_t api_call_status(const struct api_call *call);
enum api_call_result api_call_result_of(const struct api_call *call, CURLcode code);

#endif
