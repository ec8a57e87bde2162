#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"

/* Large bodies in the clear, which pass the worker by in pipes: what arrives is what was sent, to the byte,
 * wherever an end stops reading, writing or being there; and no pipe is lost. */

enum { BODY_BYTES = 3 << 20, READ_BYTES = 1 << 20, SMALL_BUFFERS = 16384 };

static char body_bytes[BODY_BYTES];

/* No two places look alike. */
static int setup(void **state)
{
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < BODY_BYTES; i++) {
        x = x * 1664525 + 1013904223;
        body_bytes[i] = (char)(x >> 24);
    }
    return 0;
}

static struct span body(void)
{
    return span_of(body_bytes, BODY_BYTES);
}

static uint64_t spliced(const struct rig *rig)
{
    return stats_get(&rig->stats->spliced_bytes);
}

static unsigned pipes_lent(const struct rig *rig)
{
    const struct pipe_pool *pool = &rig->worker.buffers.pipes;
    unsigned lent = pool->made;

    for (const struct pipe *pipe = pool->free; pipe; pipe = pipe->next)
        lent--;
    return lent;
}

/* Sends as much as goes without the other end reading. Returns how much. */
static size_t send_until_full(struct rig *rig, struct end *from, struct span bytes)
{
    size_t sent = 0;

    for (unsigned idle = 0; idle < 50 && sent < bytes.len;) {
        ssize_t n = send(from->fd, bytes.ptr + sent, bytes.len - sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            sent += (size_t)n;
        idle = n > 0 ? 0 : idle + 1;
        rig_settle(rig);
    }
    return sent;
}

/* All of `bytes` goes from one end to the other, which reads meanwhile. */
static void bytes_pass(struct rig *rig, struct end *from, struct end *to, struct span bytes)
{
    struct span rest = bytes;
    uint64_t start_ns = clock_mono_ns();

    while (rest.len > 0) {
        ssize_t n = send(from->fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        rest = span_from(rest, n > 0 ? (size_t)n : 0);
        assert_true(rig_wait(rig, start_ns));
        end_receive(to);
    }
    end_expect_bytes(rig, to, bytes);
}

struct large {
    struct rig *rig;
    struct end client, backend;
};

/* `client_buffers`: bytes of its socket's; 0: as they are. */
static void large_init(struct large *large, int client_buffers)
{
    struct rig_options options = rig_options_default();

    options.policy.body_bytes_max = 0;
    large->rig = rig_new(&options);
    large->rig->small_buffers = client_buffers;
    large->client = rig_client(large->rig, PROC_LISTEN_HTTP);
    large->rig->small_buffers = 0;
}

static void large_deinit(struct large *large)
{
    end_close(&large->client);
    end_close(&large->backend);
    rig_free(large->rig);
}

#define GET_HTTP_1_0 "GET / HTTP/1.0\r\nHost: a.test\r\n\r\n"

/* A GET is on its way back: the head of its answer was passed on. */
static void answer_begin(struct large *large, const char *request, const char *head)
{
    end_send(large->rig, &large->client, request);
    large->backend = rig_backend(large->rig, 0);
    end_expect_head(large->rig, &large->backend, "GET / ");
    end_send(large->rig, &large->backend, head);
    end_expect_head(large->rig, &large->client, "HTTP/1.1 200 OK\r\n");
}

/* So many bytes are announced. */
static void download_begin(struct large *large, size_t announced)
{
    char head[128];

    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", announced);
    answer_begin(large, RIG_GET, head);
}

/* Likewise a PUT on its way there. */
static void upload_begin(struct large *large, size_t announced)
{
    char head[128];

    snprintf(head, sizeof(head), "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: %zu\r\n\r\n",
             announced);
    end_send(large->rig, &large->client, head);
    large->backend = rig_backend(large->rig, 0);
    end_expect_head(large->rig, &large->backend, "PUT / ");
}

static void test_download(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    download_begin(&large, BODY_BYTES);
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_true(spliced(large.rig) > BODY_BYTES / 2);
    assert_int_equal(pipes_lent(large.rig), 0);
    rig_exchange(large.rig, &large.client, &large.backend, 0); /* both connections are kept */
    large_deinit(&large);
}

static void test_upload(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    upload_begin(&large, BODY_BYTES);
    bytes_pass(large.rig, &large.client, &large.backend, body());
    assert_true(spliced(large.rig) > BODY_BYTES / 2);
    end_send(large.rig, &large.backend, RIG_OK);
    end_expect(large.rig, &large.client, RIG_OK);
    rig_exchange(large.rig, &large.client, &large.backend, 0);
    large_deinit(&large);
}

/* What lies behind a body is not the body's: the next request of the client … */
static void test_pipelined_behind_an_upload(void **state)
{
    (void)state;
    struct large large;
    size_t len = BODY_BYTES - 100;
    static const char next[] = "GET /next HTTP/1.1\r\nHost: a.test\r\n\r\n";
    static char bytes[BODY_BYTES];

    memcpy(bytes, body_bytes, len);
    memcpy(bytes + len, next, sizeof(next) - 1);
    large_init(&large, 0);
    upload_begin(&large, len);
    struct span rest = span_of(bytes, len + sizeof(next) - 1);
    uint64_t start_ns = clock_mono_ns();
    while (rest.len > 0) {
        rest = span_from(rest, send_until_full(large.rig, &large.client, rest));
        end_receive(&large.backend);
        assert_true(rig_wait(large.rig, start_ns));
    }
    end_expect_bytes(large.rig, &large.backend, span_of(bytes, len));
    assert_true(spliced(large.rig) > BODY_BYTES / 2);
    end_expect_silence(large.rig, &large.backend);
    end_send(large.rig, &large.backend, RIG_OK);
    end_expect(large.rig, &large.client, RIG_OK);
    end_expect_head(large.rig, &large.backend, "GET /next ");
    large_deinit(&large);
}

/* … or words of the backend that nobody asked for. */
static void test_more_than_was_announced(void **state)
{
    (void)state;
    struct large large;
    size_t announced = BODY_BYTES - 7;

    large_init(&large, 0);
    download_begin(&large, announced);
    struct span rest = body();
    uint64_t start_ns = clock_mono_ns();
    while (rest.len > 0) {
        size_t sent = send_until_full(large.rig, &large.backend, rest);

        rest = span_from(rest, sent);
        end_receive(&large.client);
        assert_true(rig_wait(large.rig, start_ns));
        if (sent == 0 && large.client.got.len == announced)
            break; /* the worker closed the connection before the last of it */
    }
    end_expect_bytes(large.rig, &large.client, span_of(body_bytes, announced));
    end_expect_silence(large.rig, &large.client);
    end_close(&large.backend);
    rig_exchange(large.rig, &large.client, &large.backend, 0); /* on a new one */
    large_deinit(&large);
}

/* HTTP/1.0 takes its answer up to the connection's end. */
static void test_to_the_end(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    answer_begin(&large, GET_HTTP_1_0, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_true(spliced(large.rig) > BODY_BYTES / 2);
    end_expect_silence(large.rig, &large.client);
    end_finish(large.rig, &large.backend);
    end_expect_end(large.rig, &large.client);
    large_deinit(&large);
}

/* From one end to the other, which stops reading while much is on its way, so that a pipe is full of it.
 * Returns all that was sent; what was read of it is in to->got. */
static struct span get_stuck(struct large *large, struct end *from, struct end *to)
{
    struct span bytes = span_upto(body(), 2 * READ_BYTES), rest = bytes;
    uint64_t start_ns = clock_mono_ns();

    while (to->got.len < READ_BYTES) {
        ssize_t n = send(from->fd, rest.ptr, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);

        rest = span_from(rest, n > 0 ? (size_t)n : 0);
        assert_true(rig_wait(large->rig, start_ns));
        end_receive(to);
    }
    rest = span_from(rest, send_until_full(large->rig, from, rest));
    rig_settle(large->rig);
    assert_int_equal(pipes_lent(large->rig), 1);
    return span_upto(bytes, bytes.len - rest.len);
}

static struct span download_get_stuck(struct large *large)
{
    large_init(large, SMALL_BUFFERS);
    download_begin(large, BODY_BYTES);
    return get_stuck(large, &large->backend, &large->client);
}

static void test_slow_reader(void **state)
{
    (void)state;
    struct large large;
    struct span sent = download_get_stuck(&large);

    assert_true(stream_output_bytes(&rig_only_client(large.rig)->side.connection->stream) <=
                PROXY_SPLICE_BYTES);
    assert_int_equal(large.rig->worker.buffers.lent, 1); /* the head's */
    end_expect_bytes(large.rig, &large.client, sent);
    bytes_pass(large.rig, &large.backend, &large.client, span_from(body(), sent.len));
    assert_int_equal(pipes_lent(large.rig), 0);
    rig_exchange(large.rig, &large.client, &large.backend, 0);
    large_deinit(&large);
}

static void test_reader_that_stops_for_good(void **state)
{
    (void)state;
    struct large large;

    download_get_stuck(&large);
    rig_pass_ms(large.rig, PROXY_CLIENT_SEND_TIMEOUT_MS);
    assert_int_equal(large.rig->worker.clients_len, 0);
    assert_int_equal(large.rig->worker.buffers.pipes.made, 0); /* what was in it is nobody's */
    end_reset(&large.backend);
    large_deinit(&large);
}

static void test_reader_dies(void **state)
{
    (void)state;
    struct large large;

    download_get_stuck(&large);
    end_close(&large.client);
    rig_settle(large.rig);
    assert_int_equal(large.rig->worker.clients_len, 0);
    assert_int_equal(large.rig->worker.buffers.pipes.made, 0);
    end_reset(&large.backend);
    large_deinit(&large);
}

/* What came before the cut reaches the client, and then the end that tells it of the cut. */
static void test_source_ends_early(void **state)
{
    (void)state;
    struct large large;
    struct span sent = download_get_stuck(&large);

    end_finish(large.rig, &large.backend);
    end_expect_bytes(large.rig, &large.client, sent);
    end_expect_end(large.rig, &large.client);
    assert_int_equal(pipes_lent(large.rig), 0);
    large_deinit(&large);
}

/* A reset takes what the kernel had not passed on yet, but no end in order is made of it. */
static void test_source_is_reset(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    answer_begin(&large, GET_HTTP_1_0, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_true(spliced(large.rig) > 0);
    end_reset(&large.backend);
    end_expect_end(large.rig, &large.client);
    assert_int_equal(large.rig->worker.clients_len, 0); /* cut, where an end in order lingers */
    large_deinit(&large);
}

static void test_upload_is_cut(void **state)
{
    (void)state;
    struct large large;
    char text[1024];

    large_init(&large, 0);
    upload_begin(&large, BODY_BYTES + 1);
    bytes_pass(large.rig, &large.client, &large.backend, body());
    end_finish(large.rig, &large.client);
    end_expect_end(large.rig, &large.backend);
    assert_true(span_contains(rig_log(large.rig, text, sizeof(text)), SPAN("\" 499 ")));
    large_deinit(&large);
}

/* A backend that stops taking the body may have said why. */
static void test_backend_dies_amid_an_upload(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    large.rig->small_buffers = 4 * SMALL_BUFFERS;
    upload_begin(&large, BODY_BYTES);
    int upstream = rig_only_client(large.rig)->exchange->upstream->stream->watch.fd;
    assert_int_equal(
        setsockopt(upstream, SOL_SOCKET, SO_SNDBUF, &(int){ SMALL_BUFFERS }, sizeof(int)), 0);
    get_stuck(&large, &large.client, &large.backend);
    end_reset(&large.backend);
    end_expect_status(large.rig, &large.client, 502);
    end_expect_end(large.rig, &large.client);
    assert_int_equal(large.rig->worker.buffers.pipes.made, 0);
    large_deinit(&large);
}

/* Small pieces are copied, also after large ones. */
static void test_small_pieces_are_copied(void **state)
{
    (void)state;
    struct large large;
    enum { PIECE = 1000, PIECES = 200, MOST = BODY_BYTES - 2 * PIECE * PIECES };

    large_init(&large, 0);
    download_begin(&large, BODY_BYTES);
    for (unsigned i = 0; i < PIECES; i++)
        bytes_pass(large.rig, &large.backend, &large.client, span_of(body_bytes, PIECE));
    assert_int_equal(spliced(large.rig), 0);
    bytes_pass(large.rig, &large.backend, &large.client, span_of(body_bytes, MOST));
    uint64_t before = spliced(large.rig);
    assert_true(before > BODY_BYTES / 2);
    for (unsigned i = 0; i < PIECES; i++)
        bytes_pass(large.rig, &large.backend, &large.client, span_of(body_bytes, PIECE));
    assert_true(spliced(large.rig) <= before + PIECE);
    rig_exchange(large.rig, &large.client, &large.backend, 0);
    large_deinit(&large);
}

static void test_chunked_is_copied(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    answer_begin(&large, GET_HTTP_1_0,
                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n300000\r\n");
    bytes_pass(large.rig, &large.backend, &large.client, body());
    end_send(large.rig, &large.backend, "\r\n0\r\n\r\n");
    end_expect_end(large.rig, &large.client);
    assert_int_equal(spliced(large.rig), 0);
    large_deinit(&large);
}

static void test_all_pipes_are_lent(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    large.rig->worker.buffers.pipes.max = 0;
    download_begin(&large, BODY_BYTES);
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_int_equal(spliced(large.rig), 0);
    rig_exchange(large.rig, &large.client, &large.backend, 0);
    large_deinit(&large);
}

static void test_one_pipe_for_two(void **state)
{
    (void)state;
    struct large large;
    struct end stuck_client, stuck_backend;

    download_get_stuck(&large);
    large.rig->worker.buffers.pipes.max = 1;
    stuck_client = large.client;
    stuck_backend = large.backend;
    uint64_t before = spliced(large.rig);
    large.client = rig_client(large.rig, PROC_LISTEN_HTTP);
    download_begin(&large, BODY_BYTES);
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_int_equal(spliced(large.rig), before);
    end_close(&stuck_client);
    end_reset(&stuck_backend);
    large_deinit(&large);
}

static void test_out_of_descriptors(void **state)
{
    (void)state;
    struct rlimit limit, none;
    struct large large;

    large_init(&large, 0);
    download_begin(&large, BODY_BYTES);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){ 0, limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(spliced(large.rig), 0);
    rig_exchange(large.rig, &large.client, &large.backend, 0);
    large_deinit(&large);
}

static void test_tunnel(void **state)
{
    (void)state;
    struct large large;

    large_init(&large, 0);
    end_send(large.rig, &large.client,
             "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    large.backend = rig_backend(large.rig, 0);
    end_expect_head(large.rig, &large.backend, "GET /ws ");
    end_send(
        large.rig, &large.backend,
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    end_expect_head(large.rig, &large.client, "HTTP/1.1 101 ");
    bytes_pass(large.rig, &large.client, &large.backend, body());
    bytes_pass(large.rig, &large.backend, &large.client, body());
    assert_true(spliced(large.rig) > BODY_BYTES);
    end_finish(large.rig, &large.client);
    end_expect_end(large.rig, &large.backend);
    bytes_pass(large.rig, &large.backend, &large.client, body());
    end_finish(large.rig, &large.backend);
    end_expect_end(large.rig, &large.client);
    large_deinit(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_download),
        cmocka_unit_test(test_upload),
        cmocka_unit_test(test_pipelined_behind_an_upload),
        cmocka_unit_test(test_more_than_was_announced),
        cmocka_unit_test(test_to_the_end),
        cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_reader_that_stops_for_good),
        cmocka_unit_test(test_reader_dies),
        cmocka_unit_test(test_source_ends_early),
        cmocka_unit_test(test_source_is_reset),
        cmocka_unit_test(test_upload_is_cut),
        cmocka_unit_test(test_backend_dies_amid_an_upload),
        cmocka_unit_test(test_small_pieces_are_copied),
        cmocka_unit_test(test_chunked_is_copied),
        cmocka_unit_test(test_all_pipes_are_lent),
        cmocka_unit_test(test_one_pipe_for_two),
        cmocka_unit_test(test_out_of_descriptors),
        cmocka_unit_test(test_tunnel),
    };

    return cmocka_run_group_tests(tests, setup, NULL);
}
