#include "asker.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

enum { PATIENCE_MS = 10 * 1000 };

void asker_open(struct asker *asker, struct loop *loop, struct api_config *config)
{
    *asker = (struct asker){ .loop = loop };
    assert_int_equal(api_client_new(loop, config, &asker->client), 0);
}

void asker_close(struct asker *asker)
{
    asker->client = api_client_free(asker->client);
}

struct api_config *asker_config(const char *scheme, uint16_t port)
{
    struct api_config *config = NULL;
    struct buf error = { 0 }, url = { 0 };

    buf_printf(&url, "%s://127.0.0.1:%u", scheme, port);
    struct api_config_choice choice = { .server = buf_span(&url), .pod_dir = SPAN("/nonexistent") };
    assert_int_equal(api_config_load(&choice, &config, &error), API_CONFIG_OK);
    buf_deinit(&url);
    buf_deinit(&error);
    return config;
}

static void on_piece(void *ctx, struct span bytes)
{
    struct answer *answer = ctx;

    buf_append(&answer->body, bytes);
    answer->pieces++;
    if (answer->on_piece)
        answer->on_piece(answer);
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    struct answer *answer = ctx;

    assert_false(answer->is_done);
    answer->is_done = true;
    answer->call = NULL;
    answer->result = reply->result;
    answer->status = reply->status;
    answer->retry_after_ms = reply->retry_after_ms;
    buf_append(&answer->body, reply->body);
    buf_append(&answer->reason, reply->reason);
    buf_append(&answer->message, reply->message);
    if (answer->then)
        answer->then(answer);
}

const struct api_call_events answer_events = { .on_done = on_done };
const struct api_call_events answer_stream_events = { .on_body = on_piece, .on_done = on_done };

void asker_get(struct asker *asker, const char *path, struct answer *answer)
{
    struct api_request request = { .path = span_from_str(path), .timeout_ms = API_TIMEOUT_MS };

    answer->call = api_call_start(asker->client, &request, &answer_events, answer);
    asker_wait(asker, &answer->is_done);
}

void asker_wait(struct asker *asker, const bool *flag)
{
    uint64_t deadline_ms = loop_now_ms(asker->loop) + PATIENCE_MS;

    while (!*flag) {
        assert_true(loop_now_ms(asker->loop) < deadline_ms);
        assert_int_equal(loop_turn(asker->loop, 100), 0);
    }
}

void answer_deinit(struct answer *answer)
{
    buf_deinit(&answer->body);
    buf_deinit(&answer->reason);
    buf_deinit(&answer->message);
}
