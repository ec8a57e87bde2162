#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scope.h"
#include "control/http_server.h"

/* Heads, pipelining and the like are in test_admin.c; here it is what has a body. The server answers with
 * what it received. */

enum { BODY_MAX = 1000, BODIES_MAX = 1500, IDLE_MS = 5000, CONNECTIONS_MAX = 8 };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct sockaddr_un address;
    socklen_t address_bytes;
    int listener;
    struct buf received;
    uint64_t now_ms;
};

static void echo(void *ctx, const struct http_request *request, struct http_answer *answer)
{
    (void)ctx;
    answer->status = 200;
    answer->content_type = "text/plain";
    buf_printf(&answer->body, "%d " SPAN_FMT " [" SPAN_FMT "]", request->method,
               SPAN_ARG(request->path), SPAN_ARG(request->body));
}

static int setup(void **state)
{
    static struct fixture fixture;
    static const struct http_server_options options = {
        .name = "test",
        .methods = 1 << HTTP_GET | 1 << HTTP_POST,
        .connections_max = CONNECTIONS_MAX,
        .idle_ms = IDLE_MS,
        .body_bytes_max = BODY_MAX,
        .bodies_bytes_max = BODIES_MAX,
        .serve = echo,
    };

    fixture = (struct fixture){ .now_ms = 1000 };
    assert_int_equal(loop_new(&fixture.loop), 0);
    loop_clock_set_manual(fixture.loop, fixture.now_ms);
    fixture.address.sun_family = AF_UNIX;
    fixture.address_bytes = sizeof(fixture.address);
    fixture.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(
        bind(fixture.listener, (struct sockaddr *)&fixture.address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fixture.listener, 128), 0);
    assert_int_equal(
        getsockname(fixture.listener, (struct sockaddr *)&fixture.address, &fixture.address_bytes),
        0);
    assert_int_equal(http_server_new(fixture.loop, fixture.listener, &options, &fixture.server), 0);
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    http_server_free(fixture->server);
    loop_free(fixture->loop);
    close(fixture->listener);
    buf_deinit(&fixture->received);
    return 0;
}

static int dial(struct fixture *fixture)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, fixture->address_bytes), 0);
    return fd;
}

static void turn(struct fixture *fixture)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(loop_turn(fixture->loop, 0), 0);
}

static void say(struct fixture *fixture, int fd, struct span text)
{
    assert_int_equal(send(fd, text.ptr, text.len, MSG_NOSIGNAL), text.len);
    turn(fixture);
}

/* Adds what came; true: the server closed. */
static bool hear(struct fixture *fixture, int fd)
{
    for (;;) {
        ssize_t n = recv(fd, buf_reserve(&fixture->received, 4096), 4096, 0);
        if (n <= 0)
            return n == 0 || errno == ECONNRESET;
        fixture->received.len += (size_t)n;
    }
}

static bool was_heard(const struct fixture *fixture, const char *text)
{
    return span_contains(buf_span(&fixture->received), span_from_str(text));
}

#define POST(fields) "POST /x?q HTTP/1.1\r\nHost: x\r\n" fields "\r\n"

static const struct {
    const char *what, *request;
    const char *heard; /* the last part of what is heard */
    bool closes;
} exchanges[] = {
    { "a length", POST("Content-Length: 5\r\n") "hello", "3 /x [hello]", false },
    { "no body", POST("Content-Length: 0\r\n"), "3 /x []", false },
    { "neither length nor chunks", POST(""), "3 /x []", false },
    { "GET with a body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi", "1 / [hi]",
      false },
    { "chunks", POST("Transfer-Encoding: chunked\r\n") "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n\r\n",
      "3 /x [abcdefg]", false },
    { "trailers", POST("Transfer-Encoding: chunked\r\n") "1\r\na\r\n0\r\nX-Y: z\r\n\r\n",
      "3 /x [a]", false },
    { "two in one", POST("Content-Length: 2\r\n") "ab" POST("Content-Length: 2\r\n") "cd",
      "3 /x [cd]", false },
    { "a question first", POST("Content-Length: 2\r\nExpect: 100-continue\r\n") "ab", "3 /x [ab]",
      false },
    { "too long by its length", POST("Content-Length: 1001\r\n"), "413", true },
    { "no chunk", POST("Transfer-Encoding: chunked\r\n") "zz\r\n", "400", true },
    { "both", POST("Transfer-Encoding: chunked\r\nContent-Length: 2\r\n") "ab", "400", true },
    { "another method", "PUT / HTTP/1.1\r\nHost: x\r\n\r\n", "405", true },
};

/* However it is cut. */
static void test_bodies(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        struct span request = span_from_str(exchanges[i].request);

        for (size_t cut = 1; cut <= request.len; cut++) {
            int fd = dial(fixture);

            fixture->received.len = 0;
            say(fixture, fd, span_upto(request, cut));
            bool is_closed = hear(fixture, fd);
            if (cut < request.len && !is_closed) {
                say(fixture, fd, span_from(request, cut));
                is_closed = hear(fixture, fd);
            }
            if (!was_heard(fixture, exchanges[i].heard) || is_closed != exchanges[i].closes)
                fail_msg("%s, cut at %zu: '" SPAN_FMT "'", exchanges[i].what, cut,
                         SPAN_ARG(buf_span(&fixture->received)));
            close(fd);
            turn(fixture);
        }
    }
}

static void test_question_is_answered_before_the_body(void **state)
{
    struct fixture *fixture = *state;
    int fd = dial(fixture);

    say(fixture, fd, SPAN(POST("Content-Length: 2\r\nExpect: 100-continue\r\n")));
    assert_false(hear(fixture, fd));
    assert_true(span_eq(buf_span(&fixture->received), SPAN("HTTP/1.1 100 Continue\r\n\r\n")));
    say(fixture, fd, SPAN("ab"));
    assert_false(hear(fixture, fd));
    assert_true(was_heard(fixture, "[ab]"));
    close(fd);
}

static void test_chunks_are_counted(void **state)
{
    struct fixture *fixture = *state;
    int fd = dial(fixture);

    say(fixture, fd, SPAN(POST("Transfer-Encoding: chunked\r\n")));
    for (int i = 0; i < BODY_MAX / 10; i++)
        say(fixture, fd, SPAN("a\r\n0123456789\r\n"));
    assert_false(hear(fixture, fd));
    say(fixture, fd, SPAN("1\r\nx\r\n"));
    assert_true(hear(fixture, fd));
    assert_true(was_heard(fixture, "413"));
    close(fd);
}

/* Closing upon it would reset the connection, and destroy the answer on its way. */
static void test_rest_of_a_refused_body_is_dropped(void **state)
{
    struct fixture *fixture = *state;
    int fd = dial(fixture);

    say(fixture, fd, SPAN(POST("Content-Length: 1001\r\n")));
    for (int i = 0; i < 4; i++)
        say(fixture, fd, SPAN("more of it"));
    assert_true(hear(fixture, fd));
    assert_true(was_heard(fixture, "413"));
    fixture->now_ms += 2000 + 2 * LOOP_TICK_MS;
    loop_clock_set_manual(fixture->loop, fixture->now_ms);
    turn(fixture);
    assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), -1); /* but not without end */
    close(fd);
}

static void fill(struct fixture *fixture, int fd, size_t bytes)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    buf_append(&text, SPAN(POST("Content-Length: 1000\r\n")));
    while (bytes-- > 0)
        buf_append_byte(&text, 'x');
    say(fixture, fd, buf_span(&text));
}

/* What waits in all connections is bounded; what is answered or closed gives its share back. */
static void test_bodies_share_a_budget(void **state)
{
    struct fixture *fixture = *state;
    int first = dial(fixture), second = dial(fixture), third = dial(fixture);

    fill(fixture, first, 900);
    fill(fixture, second, 700);
    assert_true(hear(fixture, second));
    assert_true(was_heard(fixture, "503"));
    close(first);
    turn(fixture);
    fixture->received.len = 0;
    fill(fixture, third, 1000);
    assert_false(hear(fixture, third));
    assert_true(was_heard(fixture, "200 OK"));
    fill(fixture, third, 1000);
    assert_false(hear(fixture, third));
    close(second);
    close(third);
}

/* Whoever only holds a connection makes room for one who asks: of those that are idle, the one that was
 * answered, or came, first. */
static void test_idle_makes_room(void **state)
{
    struct fixture *fixture = *state;
    int fds[CONNECTIONS_MAX];

    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = dial(fixture);
        turn(fixture);
    }
    say(fixture, fds[0], SPAN(POST("Content-Length: 2\r\n") "ab"));
    assert_false(hear(fixture, fds[0]));
    say(fixture, fds[1], SPAN("POST"));
    int late = dial(fixture);
    say(fixture, late, SPAN(POST("Content-Length: 2\r\n") "cd"));
    assert_false(hear(fixture, late));
    assert_true(was_heard(fixture, "[cd]"));
    assert_true(hear(fixture, fds[2]));
    for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
        assert_true(i == 2 || !hear(fixture, fds[i]));
        close(fds[i]);
    }
    close(late);
}

/* A body that trickles has the same time as one that hangs. */
static void test_slow_body_ends(void **state)
{
    struct fixture *fixture = *state;
    int fd = dial(fixture);

    fill(fixture, fd, 10);
    for (int i = 0; i < 4; i++) {
        fixture->now_ms += IDLE_MS / 5;
        loop_clock_set_manual(fixture->loop, fixture->now_ms);
        say(fixture, fd, SPAN("x"));
        assert_false(hear(fixture, fd));
    }
    fixture->now_ms += IDLE_MS / 5 + 2 * LOOP_TICK_MS;
    loop_clock_set_manual(fixture->loop, fixture->now_ms);
    turn(fixture);
    assert_true(hear(fixture, fd));
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bodies, setup, teardown),
        cmocka_unit_test_setup_teardown(test_question_is_answered_before_the_body, setup, teardown),
        cmocka_unit_test_setup_teardown(test_chunks_are_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rest_of_a_refused_body_is_dropped, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bodies_share_a_budget, setup, teardown),
        cmocka_unit_test_setup_teardown(test_idle_makes_room, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_body_ends, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
