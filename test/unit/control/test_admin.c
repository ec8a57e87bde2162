#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scope.h"
#include "control/admin_pages.h"
#include "fake.h"

struct fixture {
    struct fake fake;
    struct route_labels labels;
    struct certificate_facts certificates;
    struct metrics_input input;
    struct admin *admin;
    struct sockaddr_un address;
    socklen_t address_bytes;
    int listener;
    struct buf received;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    fake_open(&fixture->fake);
    fixture->input = (struct metrics_input){ .reconcile = fixture->fake.reconcile,
                                             .labels = &fixture->labels,
                                             .certificates = &fixture->certificates,
                                             .namespace = SPAN_EMPTY,
                                             .class = SPAN_EMPTY,
                                             .pod = SPAN_EMPTY };
    /* Autobind (unix(7)): the kernel chooses an abstract name. */
    fixture->address.sun_family = AF_UNIX;
    fixture->address_bytes = sizeof(fixture->address);
    fixture->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_int_equal(
        bind(fixture->listener, (struct sockaddr *)&fixture->address, sizeof(sa_family_t)), 0);
    assert_int_equal(listen(fixture->listener, 128), 0);
    assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&fixture->address,
                                 &fixture->address_bytes),
                     0);
    assert_int_equal(admin_new(fixture->fake.loop, fixture->listener, admin_page, &fixture->input,
                               &fixture->admin),
                     0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    admin_free(fixture->admin);
    close(fixture->listener);
    buf_deinit(&fixture->received);
    route_labels_deinit(&fixture->labels);
    certificate_facts_deinit(&fixture->certificates);
    fake_close(&fixture->fake);
    mem_free(fixture);
    return 0;
}

static int dial(struct fixture *fixture)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, fixture->address_bytes), 0);
    return fd;
}

/* Turns and reads until nothing more comes. Returns whether the server closed. */
static bool receive(struct fixture *fixture, int fd)
{
    bool is_closed = false;

    fixture->received.len = 0;
    for (int idle = 0; idle < 3 && !is_closed; idle++) {
        assert_int_equal(loop_turn(fixture->fake.loop, 1), 0);
        for (;;) {
            char *at = buf_reserve(&fixture->received, 4096);
            ssize_t n = recv(fd, at, 4096, 0);
            is_closed = n == 0 || (n == -1 && errno == ECONNRESET);
            if (n <= 0)
                break;
            fixture->received.len += (size_t)n;
            idle = 0;
        }
    }
    return is_closed;
}

static void say(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static size_t times_received(const struct fixture *fixture, const char *needle)
{
    struct span rest = buf_span(&fixture->received), wanted = span_from_str(needle);
    size_t times = 0;

    for (; rest.len >= wanted.len; rest = span_from(rest, 1))
        times += span_starts_with(rest, wanted);
    return times;
}

static const struct {
    const char *request, *expected;
    bool closes;
} exchanges[] = {
    { "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 OK\r\n", false },
    { "GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", "version=0.0.4", false },
    { "GET /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n", "application/json", false },
    { "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 404 Not Found\r\n", false },
    { "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "200 OK", true },
    { "GET /metrics HTTP/1.0\r\n\r\n", "200 OK", true },
    { "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 405 ", true },
    { "nonsense\r\n\r\n", "HTTP/1.1 400 ", true },
    { "GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 400 ", true },
};

static void test_exchanges(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < ARRAY_LEN(exchanges); i++) {
        SCOPED(fd_closep) int fd = dial(fixture);
        print_message("%s", exchanges[i].request);
        say(fd, exchanges[i].request);
        assert_int_equal(receive(fixture, fd), exchanges[i].closes);
        assert_int_equal(times_received(fixture, exchanges[i].expected), 1);
    }
}

static void test_byte_by_byte_and_pipelined(void **state)
{
    static const char request[] = "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n";
    struct fixture *fixture = *state;
    SCOPED(fd_closep) int fd = dial(fixture);

    for (size_t i = 0; i + 1 < sizeof(request); i++) {
        assert_int_equal(send(fd, request + i, 1, MSG_NOSIGNAL), 1);
        assert_int_equal(loop_turn(fixture->fake.loop, 0), 0);
    }
    assert_false(receive(fixture, fd));
    assert_int_equal(times_received(fixture, "404 Not Found\r\n"), 1);

    say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(receive(fixture, fd));
    assert_int_equal(times_received(fixture, "404 Not Found\r\n"), 2);
}

enum { LARGE_BYTES = 4 << 20 }; /* many times what a socket holds */

static void large_page(void *ctx, struct span path, struct http_answer *answer)
{
    (void)ctx;
    (void)path;
    answer->status = 200;
    answer->content_type = "text/plain";
    char *at = buf_reserve(&answer->body, LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        at[i] = (char)('a' + i % 23);
    answer->body.len = LARGE_BYTES;
}

/* The answer goes out as the peer reads it, the second one after the first. */
static void test_large_answers_come_whole(void **state)
{
    struct fixture *fixture = *state;
    struct http_answer page = { 0 };

    admin_free(fixture->admin);
    assert_int_equal(
        admin_new(fixture->fake.loop, fixture->listener, large_page, NULL, &fixture->admin), 0);
    SCOPED(fd_closep) int fd = dial(fixture);
    say(fd, "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(receive(fixture, fd));

    large_page(NULL, SPAN_EMPTY, &page);
    struct span rest = buf_span(&fixture->received);
    for (int i = 0; i < 2; i++) {
        while (rest.len > 0 && !span_starts_with(rest, SPAN("\r\n\r\n")))
            rest = span_from(rest, 1);
        rest = span_from(rest, 4);
        assert_true(span_starts_with(rest, buf_span(&page.body)));
        rest = span_from(rest, LARGE_BYTES);
    }
    assert_int_equal(rest.len, 0);
    buf_deinit(&page.body);
}

static void test_head_has_no_body(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(fd_closep) int fd = dial(fixture);

    say(fd, "HEAD /api/v1/status HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(receive(fixture, fd));
    assert_true(span_ends_with(buf_span(&fixture->received), SPAN("\r\n\r\n")));
}

static void test_half_closed_client_gets_its_answer(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(fd_closep) int fd = dial(fixture);

    say(fd, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    assert_true(receive(fixture, fd));
    assert_int_equal(times_received(fixture, "404 Not Found\r\n"), 1);
}

static void test_head_that_never_ends(void **state)
{
    struct fixture *fixture = *state;
    SCOPED(fd_closep) int fd = dial(fixture);
    SCOPED(buf_deinit) struct buf head = { 0 };

    buf_append(&head, SPAN("GET / HTTP/1.1\r\nHost: x\r\nX: "));
    while (head.len < HTTP_SERVER_HEAD_BYTES + 100)
        buf_append_byte(&head, 'x');
    buf_append_byte(&head, '\0');
    say(fd, head.ptr);
    assert_true(receive(fixture, fd));
    assert_int_equal(times_received(fixture, "HTTP/1.1 431 "), 1);
}

static void test_connections_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    int fds[ADMIN_CONNECTIONS_MAX + 1];

    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        fds[i] = dial(fixture);
        say(fds[i], "GET "); /* an idle one would make room */
        fake_turn(&fixture->fake);
    }
    assert_true(receive(fixture, fds[ADMIN_CONNECTIONS_MAX]));
    close(fds[0]);
    fake_turn(&fixture->fake);
    close(fds[ADMIN_CONNECTIONS_MAX]);
    fds[0] = dial(fixture);
    say(fds[0], "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_false(receive(fixture, fds[0]));
    for (size_t i = 0; i < ADMIN_CONNECTIONS_MAX; i++)
        close(fds[i]);
}

/* The page as JSON; the caller's reference. */
static json_t *page_json(struct fixture *fixture, const char *path)
{
    struct http_answer answer = { 0 };
    json_error_t error;

    admin_page(&fixture->input, span_from_str(path), &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.content_type, "application/json");
    json_t *json = json_loadb(answer.body.ptr, answer.body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s: " SPAN_FMT, error.text, SPAN_ARG(buf_span(&answer.body)));
    buf_deinit(&answer.body);
    return json;
}

static void test_routes_json(void **state)
{
    struct fixture *fixture = *state;
    json_t *json = page_json(fixture, "/api/v1/routes");

    assert_int_equal(json_array_size(json_object_get(json, "routes")), 0);
    json_decref(json);

    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("web", "web.example", "10.0.0.1")
                                                    FAKE_APP("api", "api.example", "10.0.0.2")),
                     1);
    json = page_json(fixture, "/api/v1/routes");
    assert_int_equal(json_integer_value(json_object_get(json, "generation")), 1);
    assert_int_equal(json_array_size(json_object_get(json, "routes")), 2);
    const char *host, *path, *type, *endpoint;
    json_t *backends;
    assert_int_equal(json_unpack(json_array_get(json_object_get(json, "routes"), 0),
                                 "{s:s, s:s, s:s, s:o}", "host", &host, "path", &path, "type",
                                 &type, "backends", &backends),
                     0);
    assert_string_equal(path, "/");
    assert_string_equal(type, "Prefix");
    assert_int_equal(json_unpack(backends, "[{s:[s]}]", "endpoints", &endpoint), 0);
    assert_string_equal(endpoint,
                        strcmp(host, "web.example") == 0 ? "10.0.0.1:8080" : "10.0.0.2:8080");
    json_decref(json);
}

static void test_diagnostics_and_status_json(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(fake_serve(&fixture->fake, "kind: [\n---\n" FAKE_INGRESS("a", "a.example")),
                     1);
    json_t *json = page_json(fixture, "/api/v1/diagnostics");
    assert_true(json_array_size(json_object_get(json, "diagnostics")) >= 2);
    assert_true(json_integer_value(json_object_get(json, "errors")) >= 1);
    json_decref(json);

    json = page_json(fixture, "/api/v1/status");
    json_t *objects = json_object_get(json, "objects");
    assert_int_equal(json_integer_value(json_object_get(objects, "Ingress")), 1);
    assert_true(json_is_string(json_object_get(json, "last_success")));
    assert_true(json_is_null(json_object_get(json, "last_failure")));
    json_decref(json);
}

static void test_image_text(void **state)
{
    struct fixture *fixture = *state;
    struct http_answer answer = { 0 };

    assert_int_equal(fake_serve(&fixture->fake, FAKE_APP("web", "web.example", "10.0.0.1")), 1);
    admin_page(&fixture->input, SPAN("/api/v1/image"), &answer);
    assert_int_equal(answer.status, 200);
    assert_true(span_contains(buf_span(&answer.body), SPAN("web.example")));
    buf_deinit(&answer.body);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_exchanges),
        CASE(test_byte_by_byte_and_pipelined),
        CASE(test_large_answers_come_whole),
        CASE(test_head_has_no_body),
        CASE(test_half_closed_client_gets_its_answer),
        CASE(test_head_that_never_ends),
        CASE(test_connections_are_bounded),
        CASE(test_routes_json),
        CASE(test_diagnostics_and_status_json),
        CASE(test_image_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
