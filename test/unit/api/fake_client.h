/* test/unit/api/fake_client.h
 *
 * Purpose    A client whose answers the test gives: stands in for api/client.c when linked before it.
 * Ownership  Calls live until they are answered or cancelled; texts handed out borrow from them. */
#ifndef YETT_TEST_API_FAKE_CLIENT_H
#define YETT_TEST_API_FAKE_CLIENT_H

#include "api/client.h"

struct fake_call {
    struct api_call *call; /* NULL: there is none */
    const char *path;
    uint32_t timeout_ms, stall_ms;
};

/* Calls that were started and have not ended, oldest first. */
size_t fake_calls(void);
struct fake_call fake_call_at(size_t index);
/* The one whose path holds `part`; fails the test where there is none, or more than one. */
struct fake_call fake_call_with(const char *part);
/* All that were ever started. */
size_t fake_calls_started(void);

void fake_open(struct fake_call call);
void fake_body(struct fake_call call, const char *text);
void fake_body_span(struct fake_call call, struct span bytes);
void fake_end(struct fake_call call);
void fake_end_status(struct fake_call call, uint32_t status, const char *message);
void fake_end_reply(struct fake_call call, struct api_reply reply);

/* Forgets all calls, which must have ended, and the count. */
void fake_client_reset(void);

#endif
