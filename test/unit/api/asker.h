/* test/unit/api/asker.h
 *
 * Purpose    A client of the API on a loop, and what came of one call, for tests in a few lines.
 * Ownership  asker_close() ends client and loop. */
#ifndef YETT_TEST_API_ASKER_H
#define YETT_TEST_API_ASKER_H

#include "api/client.h"

struct asker {
    struct loop *loop;
    struct api_client *client;
};

/* What one call told; answer_deinit() frees it. */
struct answer {
    struct api_call *call;
    bool is_done;
    enum api_call_result result;
    uint32_t status, retry_after_ms;
    struct buf body; /* collected, or the pieces */
    struct buf reason, message;
    size_t pieces;
    void (*on_piece)(struct answer *answer); /* NULL: none */
    void (*then)(struct answer *answer);     /* at the end; NULL: nothing */
    void *ctx;
};

/* Takes over `config`. */
void asker_open(struct asker *asker, struct loop *loop, struct api_config *config);
void asker_close(struct asker *asker);

/* A config for http://127.0.0.1:port (or https). */
struct api_config *asker_config(const char *scheme, uint16_t port);

/* Events that fill a struct answer; with pieces as they come, or without. */
extern const struct api_call_events answer_events, answer_stream_events;

/* GET of the path with the usual time limit. */
void asker_get(struct asker *asker, const char *path, struct answer *answer);
/* Turns the loop until *flag, at most for ten seconds. */
void asker_wait(struct asker *asker, const bool *flag);
void answer_deinit(struct answer *answer);

#endif
