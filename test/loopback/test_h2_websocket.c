#include "../unit/http/h2_by_hand.h"
#include "base/clock.h"
#include "rig.h"
#include "tls/websocket.h"

/* WebSockets of clients of HTTP/2 (RFC 8441) to backends of HTTP/1.1. */

/* Frames by hand: h2_session_request() does not know of :protocol. */
static struct end websocket_ask(struct rig *rig)
{
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    struct buf bytes = { 0 }, block = { 0 };

    buf_append(&bytes, SPAN(H2_PREFACE));
    frame_put(&bytes, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
    field_append(&block, ":method", "CONNECT");
    field_append(&block, ":protocol", "websocket");
    field_append(&block, ":scheme", "http");
    field_append(&block, ":authority", "a.test");
    field_append(&block, ":path", "/chat");
    field_append(&block, "sec-websocket-version", "13");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, 1, buf_span(&block));
    end_send_bytes(rig, &client, buf_span(&bytes));
    buf_deinit(&bytes);
    buf_deinit(&block);
    return client;
}

/* The key that the backend was sent. */
static void websocket_key(struct rig *rig, struct end *backend, char key[24])
{
    end_expect_line(rig, backend, "Upgrade: websocket");
    end_expect_line(rig, backend, "Connection: upgrade");
    const char *field = memmem(backend->got.ptr, backend->got.len, "sec-websocket-key: ", 19);
    assert_non_null(field);
    memcpy(key, field + 19, 24);
    end_expect_head(rig, backend, "GET /chat HTTP/1.1\r\n");
}

/* What came of stream 1. */
struct heard {
    struct buf block; /* of its head, as HPACK has it */
    struct buf content;
    bool ended;
};

/* Takes the frames that came so far; what is no whole one stays. */
static void heard_take(struct end *end, struct heard *heard)
{
    struct frame frame;

    end_receive(end);
    struct span rest = buf_span(&end->got);
    while (frame_take(&rest, &frame)) {
        if (frame.stream != 1)
            continue;
        if (frame.type == FRAME_HEADERS)
            buf_append(&heard->block, frame.payload);
        if (frame.type == FRAME_DATA)
            buf_append(&heard->content, frame.payload);
        heard->ended |= (frame.flags & FLAG_END_STREAM) != 0;
    }
    end_drop(end, end->got.len - rest.len);
}

/* A head comes next, :status ahead of all. Whether that is 200: entry 8 of HPACK's table (RFC 7541, 6.1, A). */
static bool heard_status_200(struct rig *rig, struct end *end, struct heard *heard)
{
    uint64_t start_ns = clock_mono_ns();

    heard_take(end, heard);
    while (heard->block.len == 0 && rig_wait(rig, start_ns))
        heard_take(end, heard);
    assert_true(heard->block.len > 0);
    return heard->block.ptr[0] == '\x88';
}

/* Content comes next, and nothing else. */
static void heard_expect(struct rig *rig, struct end *end, struct heard *heard, const char *text)
{
    uint64_t start_ns = clock_mono_ns();

    heard_take(end, heard);
    while (heard->content.len < strlen(text) && rig_wait(rig, start_ns))
        heard_take(end, heard);
    assert_true(span_eq(buf_span(&heard->content), span_from_str(text)));
    heard->content.len = 0;
}

static void heard_expect_end(struct rig *rig, struct end *end, struct heard *heard)
{
    uint64_t start_ns = clock_mono_ns();

    while (!heard->ended && rig_wait(rig, start_ns))
        heard_take(end, heard);
    assert_true(heard->ended);
    assert_int_equal(heard->content.len, 0);
}

static void heard_deinit(struct heard *heard)
{
    buf_deinit(&heard->block);
    buf_deinit(&heard->content);
}

static void test_a_websocket_over_http_2(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = websocket_ask(rig);
    struct heard heard = { 0 };
    struct buf bytes = { 0 };
    char key[24], accept[28];

    struct end backend = rig_backend(rig, 0);
    websocket_key(rig, &backend, key);
    tls_websocket_accept(key, accept);
    end_send(rig, &backend,
             "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
             "Upgrade: websocket\r\nSec-WebSocket-Accept: ");
    end_send_bytes(rig, &backend, span_of(accept, sizeof(accept)));
    end_send(rig, &backend, "\r\n\r\nhi");
    assert_true(heard_status_200(rig, &client, &heard));
    heard_expect(rig, &client, &heard, "hi");
    assert_false(heard.ended);
    assert_int_equal(rig->worker.streams_len, 1);
    assert_int_equal(rig->worker.buffers.lent, 0); /* an idle one holds none */

    frame_put(&bytes, FRAME_DATA, 0, 1, SPAN("ping"));
    end_send_bytes(rig, &client, buf_span(&bytes));
    end_expect(rig, &backend, "ping");
    bytes.len = 0;
    frame_put(&bytes, FRAME_DATA, FLAG_END_STREAM, 1, SPAN("bye"));
    end_send_bytes(rig, &client, buf_span(&bytes));
    end_expect(rig, &backend, "bye");
    end_expect_end(rig, &backend);
    end_send(rig, &backend, "last");
    end_close(&backend);
    heard_expect(rig, &client, &heard, "last");
    heard_expect_end(rig, &client, &heard);
    assert_int_equal(rig->worker.streams_len, 0);
    assert_int_equal(rig->worker.clients_len, 1);
    heard_deinit(&heard);
    buf_deinit(&bytes);
    end_close(&client);
    rig_free(rig);
}

#define AGREED "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"

static const char *const liars[] = {
    (AGREED "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
    (AGREED "\r\n"),
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno",
};

/* Whoever does not prove that it speaks WebSocket has not agreed to one. */
static void test_a_websocket_must_be_agreed_to(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(liars); i++) {
        struct rig *rig = rig_new(NULL);
        struct heard heard = { 0 };
        char key[24], text[1024];

        struct end client = websocket_ask(rig);
        struct end backend = rig_backend(rig, 0);
        websocket_key(rig, &backend, key);
        end_send(rig, &backend, liars[i]);
        assert_false(heard_status_200(rig, &client, &heard));
        end_expect_end(rig, &backend);
        rig_pass_ms(rig, PROXY_LINGER_MS + LOOP_TICK_MS);
        assert_int_equal(rig->worker.streams_len, 0);
        struct span log = rig_log(rig, text, sizeof(text));
        assert_true(span_contains(log, SPAN("\"GET /chat HTTP/2.0\" 502 ")));
        heard_deinit(&heard);
        end_close(&backend);
        end_close(&client);
        rig_free(rig);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_websocket_over_http_2),
        cmocka_unit_test(test_a_websocket_must_be_agreed_to),
    };

    return cmocka_run_group_tests_name("loopback/h2_websocket", tests, NULL, NULL);
}
