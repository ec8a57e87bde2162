#include "rig.h"

#include <stdlib.h>
#include <sys/socket.h>

/* Random interleavings, the same for the same seed. Each client sends requests, each backend answers
 * with a body made of the request's number, in pieces of any size; either side may leave at any byte;
 * the clock jumps. Whatever a client got must be the beginning of what it should get. */

enum { CLIENTS = 6, CALLS_MAX = 24, STEPS = 1500, SEEDS = 12, REQUESTS = 8 };

struct asker {
    struct end end;
    struct buf to_send, expected;
    size_t sent;
    bool over; /* all was answered, or something broke: the next one takes its place */
};

struct call {
    struct end end;
    struct buf to_send;
    size_t sent;
};

struct scene {
    struct rig *rig;
    uint64_t random;
    struct asker askers[CLIENTS];
    struct call calls[CALLS_MAX];
    size_t calls_len;
    unsigned answered;
};

static size_t random_below(struct scene *scene, size_t limit)
{
    scene->random ^= scene->random << 13;
    scene->random ^= scene->random >> 7;
    scene->random ^= scene->random << 17;
    return scene->random % limit;
}

static void answer_body(struct buf *out, unsigned number)
{
    for (unsigned i = 0; i < (number * 7919) % 3000; i++)
        buf_append_byte(out, (char)('a' + (i + number) % 26));
}

static void asker_begin(struct scene *scene, size_t index)
{
    struct asker *asker = &scene->askers[index];

    asker->end = rig_client(scene->rig, PROC_LISTEN_HTTP);
    for (unsigned i = 0; i < REQUESTS; i++) {
        unsigned number = (unsigned)random_below(scene, 1000);
        struct buf body = { 0 };

        if (random_below(scene, 2))
            buf_printf(&asker->to_send, "GET /%u HTTP/1.1\r\nHost: a\r\n\r\n", number);
        else
            buf_printf(&asker->to_send,
                       "PUT /%u HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                       "3;x\r\nabc\r\n0\r\n\r\n",
                       number);
        answer_body(&body, number);
        buf_printf(&asker->expected, "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: %zu\r\n\r\n",
                   body.len);
        buf_append(&asker->expected, buf_span(&body));
        buf_deinit(&body);
    }
}

static void asker_end(struct asker *asker)
{
    end_close(&asker->end);
    buf_deinit(&asker->to_send);
    buf_deinit(&asker->expected);
    *asker = (struct asker){ .end = { .fd = -1 } };
}

/* Whole answers, up to an error of the gate's own or a cut. */
static void asker_check(struct scene *scene, struct asker *asker)
{
    end_receive(&asker->end);
    struct span got = buf_span(&asker->end.got), want = buf_span(&asker->expected);
    size_t same = 0;

    while (same < got.len && same < want.len && got.ptr[same] == want.ptr[same])
        same++;
    if (same == got.len) {
        asker->over = got.len == want.len;
        scene->answered += asker->over;
        return;
    }
    /* An answer of the gate's own begins at the head's status, or says Connection: close. */
    while (same > 0 && !span_starts_with(span_from(got, same), SPAN("HTTP/1.1 ")))
        same--;
    struct span other = span_from(got, same);
    assert_true(span_starts_with(other, SPAN("HTTP/1.1 50")) ||
                span_starts_with(other, SPAN("HTTP/1.1 408")) ||
                span_contains(other, SPAN("Connection: close")));
    asker->over = true;
}

static void send_some(struct scene *scene, struct end *end, struct buf *bytes, size_t *sent)
{
    size_t len = MIN(bytes->len - *sent, 1 + random_below(scene, 700));

    if (len == 0 || end->fd < 0)
        return;
    ssize_t n = send(end->fd, bytes->ptr + *sent, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n > 0)
        *sent += (size_t)n;
}

static void call_forget(struct scene *scene, size_t index)
{
    end_close(&scene->calls[index].end);
    buf_deinit(&scene->calls[index].to_send);
    scene->calls[index] = scene->calls[--scene->calls_len];
}

static void calls_accept(struct scene *scene)
{
    struct end end;

    while (scene->calls_len < CALLS_MAX && rig_backend_try(scene->rig, 0, &end))
        scene->calls[scene->calls_len++] = (struct call){ .end = end };
}

/* However the chunks were cut on their way. */
static void assert_content_is_abc(struct span request)
{
    const char *head_end = memmem(request.ptr, request.len, "\r\n\r\n", 4);
    struct span rest = span_from(request, (size_t)(head_end + 4 - request.ptr)), piece;
    struct chunked decoder = { 0 };
    char content[8];
    size_t len = 0, consumed;

    while (chunked_decode(&decoder, rest, &consumed, &piece) == CHUNKED_PIECE) {
        assert_true(piece.len <= sizeof(content) - len);
        memcpy(content + len, piece.ptr, piece.len);
        len += piece.len;
        rest = span_from(rest, consumed);
    }
    assert_int_equal(decoder.state, CHUNKED_DONE);
    assert_true(span_eq(span_of(content, len), SPAN("abc")));
}

/* Answers each whole request that came. */
static void call_listen(struct call *call)
{
    end_receive(&call->end);
    for (;;) {
        struct span got = buf_span(&call->end.got);
        const char *end = got.len ? memmem(got.ptr, got.len, "\r\n\r\n", 4) : NULL;
        bool has_body = got.len > 0 && got.ptr[0] == 'P';
        struct buf body = { 0 };

        if (end && has_body)
            end = memmem(end, (size_t)(got.ptr + got.len - end), "0\r\n\r\n", 5);
        if (!end)
            return;
        if (has_body)
            assert_content_is_abc(got);
        answer_body(&body, (unsigned)strtoul(got.ptr + 5, NULL, 10));
        buf_printf(&call->to_send, "HTTP/1.1 200 OK\r\nDate: D\r\nContent-Length: %zu\r\n\r\n",
                   body.len);
        buf_append(&call->to_send, buf_span(&body));
        buf_deinit(&body);
        size_t taken = (size_t)(end - got.ptr) + (has_body ? 5 : 4);
        memmove(call->end.got.ptr, call->end.got.ptr + taken, call->end.got.len - taken);
        call->end.got.len -= taken;
    }
}

static void step(struct scene *scene)
{
    size_t index = random_below(scene, CLIENTS);
    struct asker *asker = &scene->askers[index];
    size_t what = random_below(scene, 400);

    calls_accept(scene);
    if (asker->end.fd < 0 || asker->over || asker->end.ended) {
        asker_end(asker);
        asker_begin(scene, index);
    } else if (what == 0) {
        asker_end(asker);
    } else if (what == 1) {
        rig_pass_ms(scene->rig, random_below(scene, 90000));
    } else if (what == 2) {
        rig_publish(scene->rig, 0, 1);
    } else if (what == 3 && scene->calls_len > 0) {
        call_forget(scene, random_below(scene, scene->calls_len));
    } else {
        send_some(scene, &asker->end, &asker->to_send, &asker->sent);
    }
    for (size_t i = scene->calls_len; i-- > 0;) {
        struct call *call = &scene->calls[i];

        call_listen(call);
        send_some(scene, &call->end, &call->to_send, &call->sent);
        if (call->end.ended)
            call_forget(scene, i);
    }
    if (random_below(scene, 3))
        assert_int_equal(loop_turn(scene->rig->loop, 0), 0);
    asker_check(scene, &scene->askers[index]);
    assert_true(scene->rig->worker.buffers.lent <= 4 * scene->rig->worker.clients_len);
}

static void run_with_seed(uint64_t seed, unsigned *answered)
{
    struct scene scene = { .rig = rig_new(NULL), .random = seed * 0x9E3779B97F4A7C15u };

    for (size_t i = 0; i < CLIENTS; i++)
        asker_begin(&scene, i);
    for (unsigned i = 0; i < STEPS; i++)
        step(&scene);
    for (size_t i = 0; i < CLIENTS; i++)
        asker_end(&scene.askers[i]);
    while (scene.calls_len > 0)
        call_forget(&scene, 0);
    rig_pass_ms(scene.rig, 100000);
    assert_int_equal(scene.rig->worker.clients_len, 0);
    *answered += scene.answered;
    rig_free(scene.rig);
}

static void test_random_scenes(void **state)
{
    (void)state;
    unsigned answered = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        run_with_seed(seed, &answered);
    }
    print_message("%u connections were answered whole\n", answered);
    assert_true(answered > SEEDS); /* the scenes were about something */
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_random_scenes) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
