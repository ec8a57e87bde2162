/* test/unit/control/fake_api.h
 *
 * Purpose    An API server made of what a test says: takes the place of api/client.h and api/reflector.h, so
 *            that every answer comes when the test wants it, on a clock that the test turns.
 * Ownership  fake_api_open() … fake_api_close(), after everything that uses it was freed. */
#ifndef YETT_TEST_CONTROL_FAKE_API_H
#define YETT_TEST_CONTROL_FAKE_API_H

#include "api/reflector.h"
#include "base/list.h"

struct api_call {
    struct list link;
    enum api_method method;
    char *path, *body, *content_type;
    uint32_t timeout_ms;
    const struct api_call_events *events;
    void *ctx;
};

struct reflector {
    struct list link;
    char *path; /* base/resource, namespace, name and selector, with spaces between */
    const struct reflector_events *events;
    void *ctx;
    struct reflector_facts facts;
};

struct fake_api {
    struct loop *loop;
    struct api_client *client;
    struct list calls, reflectors; /* that are not over */
};

void fake_api_open(struct fake_api *api);
void fake_api_close(struct fake_api *api);

/* Turns the clock, in steps small enough for every timer. */
void fake_api_wait(struct fake_api *api, uint64_t ms);

/* The oldest call that waits for its answer; NULL: none. */
struct api_call *fake_api_call(struct fake_api *api);
size_t fake_api_calls(const struct fake_api *api);
/* Answers; status 0: the server cannot be reached. `reason` and `body` may be NULL. */
void fake_api_answer(struct fake_api *api, struct api_call *call, uint32_t status,
                     const char *body);

/* The one whose path starts with that; NULL: none. */
struct reflector *fake_api_reflector(const struct fake_api *api, const char *path);
void fake_reflector_tell(struct reflector *reflector, const char *json);
void fake_reflector_delete(struct reflector *reflector, const char *name);

#endif
