#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "h2_pair.h"

static void assert_log(struct side *side, const char *expected)
{
    buf_append_byte(&side->log, '\0');
    assert_string_equal(side->log.ptr, expected);
    side->log.len = 0;
}

static struct h2_stream *ask(struct side *client, const char *method, const char *path, bool ends)
{
    struct h2_request request = {
        .method = http_method_of(span_from_str(method)),
        .method_text = span_from_str(method),
        .scheme = SPAN("http"),
        .authority = SPAN("a.test"),
        .path = span_from_str(path),
        .ends = ends,
    };
    struct h2_stream *stream = h2_session_request(client->session, &request, NULL);

    client->streams[client->streams_len++] = stream;
    return stream;
}

/* Writes a piece as a user with a small output would; what went out goes to `peer`. Returns what was
 * taken. */
static size_t tell(struct side *peer, struct h2_stream *stream, struct span piece)
{
    size_t taken = 0;

    for (;;) {
        char out[4000];
        size_t written;
        size_t len = h2_stream_write(stream, span_from(piece, taken), out, sizeof(out), &written);

        side_hear(peer, span_of(out, written));
        taken += len;
        if (taken == piece.len || written == 0)
            return taken;
    }
}

static void test_a_request_and_its_answer(void **state)
{
    struct side client, server;
    struct http_header header = {
        .name = "X-Case", .name_len = 6, .value = "kept", .value_len = 4
    };

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "GET", "/a", true);
    pair_settle(&client, &server);
    assert_log(&server, "head 1 GET /a whole|");

    h2_stream_respond(server.streams[0], 103, &header, 1, false);
    h2_stream_respond(server.streams[0], 200, &header, 1, false);
    assert_int_equal(tell(&client, server.streams[0], SPAN("hello")), 5);
    h2_stream_end(server.streams[0], NULL, 0);
    pair_settle(&client, &server);
    assert_log(&client, "head 1 103 whole|head 1 200|data 1 5|end 1|");
    assert_true(h2_stream_is_ended(server.streams[0]));

    side_let_go(&server, 0);
    assert_int_equal(h2_session_streams(server.session), 0);
    pair_settle(&client, &server);
    assert_log(&client, "");
    side_deinit(&client);
    side_deinit(&server);
}

static void test_bodies_and_trailers_both_ways(void **state)
{
    struct side client, server;
    struct http_header trailer = {
        .name = "grpc-status", .name_len = 11, .value = "0", .value_len = 1
    };

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    struct h2_stream *stream = ask(&client, "POST", "/", false);
    pair_settle(&client, &server);
    assert_int_equal(tell(&server, stream, SPAN("abc")), 3);
    h2_stream_end(stream, &trailer, 1);
    pair_settle(&client, &server);
    assert_log(&server, "head 1 POST /|data 1 3|end 1 grpc-status=0|");

    h2_stream_respond(server.streams[0], 200, NULL, 0, false);
    h2_stream_end(server.streams[0], &trailer, 1);
    pair_settle(&client, &server);
    assert_log(&client, "head 1 200|end 1 grpc-status=0|");
    side_deinit(&client);
    side_deinit(&server);
}

static void test_an_answer_without_content(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "POST", "/", false);
    pair_settle(&client, &server);
    h2_stream_respond(server.streams[0], 404, NULL, 0, true);
    side_let_go(&server, 0); /* the request goes on: NO_ERROR tells the client to stop */
    pair_settle(&client, &server);
    assert_log(&client, "head 1 404 whole|reset 1 0|");
    side_deinit(&client);
    side_deinit(&server);
}

static void test_windows_hold_back_what_is_not_consumed(void **state)
{
    static char piece[200000];
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    server.consumes = false;
    struct h2_stream *first = ask(&client, "POST", "/", false);
    struct h2_stream *second = ask(&client, "POST", "/", false);
    pair_settle(&client, &server);

    size_t taken = tell(&server, first, span_of(piece, sizeof(piece)));
    assert_int_equal(taken, 65535);
    /* The connection's window is larger than one stream's and smaller than two. */
    assert_int_equal(tell(&server, second, span_of(piece, sizeof(piece))), 100000 - 65535);
    client.log.len = 0;

    h2_stream_consume(server.streams[0], 65535);
    pair_settle(&client, &server);
    assert_log(&client,
               "writable 1|writable 3|"); /* the one waited for both windows, the other for one */
    assert_int_equal(tell(&server, first, span_of(piece, 10)), 10);
    side_deinit(&client);
    side_deinit(&server);
}

static void test_freed_streams_give_their_window_back(void **state)
{
    static char piece[65535];
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    server.consumes = false;
    for (unsigned i = 0; i < 20; i++) {
        struct h2_stream *stream = ask(&client, "POST", "/", false);
        pair_settle(&client, &server);
        assert_int_equal(tell(&server, stream, span_of(piece, sizeof(piece))), sizeof(piece));
        side_let_go(&server, i);
        pair_settle(&client, &server);
        side_let_go(&client, i);
    }
    side_deinit(&client);
    side_deinit(&server);
}

static void test_resets_are_told(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "POST", "/1", false);
    ask(&client, "POST", "/2", false);
    pair_settle(&client, &server);
    server.log.len = 0;

    side_let_go(&client, 0);
    h2_stream_reset(server.streams[1], H2_REFUSED_STREAM);
    pair_settle(&client, &server);
    assert_log(&server, "reset 1 8|");
    assert_log(&client, "reset 3 7|");
    assert_false(h2_stream_is_open(server.streams[0]));
    h2_stream_respond(server.streams[0], 200, NULL, 0, false); /* nobody listens: no harm */
    assert_int_equal(tell(&client, server.streams[0], SPAN("abc")), 3);
    h2_stream_end(server.streams[0], NULL, 0);
    side_deinit(&client);
    side_deinit(&server);
}

static void test_a_request_that_was_never_sent_can_be_freed(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "GET", "/", true);
    side_let_go(&client, 0);
    pair_settle(&client, &server);
    assert_log(&server, "");
    side_deinit(&client);
    side_deinit(&server);
}

static void test_goaway_refuses_what_comes_late(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "POST", "/", false);
    pair_settle(&client, &server);

    h2_session_shutdown_begin(server.session);
    ask(&client, "GET", "/", true); /* on its way when the first notice comes: still taken */
    struct buf late = { 0 };
    side_say(&client, &late);
    pair_settle(&client, &server);
    assert_log(&client, "goaway 0|");
    assert_int_equal(h2_session_capacity(client.session), 0);
    side_hear(&server, buf_span(&late));
    buf_deinit(&late);
    assert_log(&server, "head 1 POST /|head 3 GET / whole|");

    h2_session_shutdown(server.session, H2_NO_ERROR);
    pair_settle(&client, &server);
    assert_int_equal(server.result, H2_OK);
    h2_stream_respond(server.streams[0], 200, NULL, 0, true);
    h2_stream_respond(server.streams[1], 200, NULL, 0, true);
    side_let_go(&server, 0);
    side_let_go(&server, 1);
    pair_settle(&client, &server);
    assert_true(h2_session_is_over(server.session));
    side_deinit(&client);
    side_deinit(&server);
}

static void test_capacity_follows_settings(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    assert_int_equal(h2_session_capacity(client.session), H2_STREAMS_BEFORE_SETTINGS);
    pair_settle(&client, &server);
    assert_int_equal(h2_session_capacity(client.session), 16);
    for (unsigned i = 0; i < 16; i++)
        ask(&client, "GET", "/", true);
    assert_int_equal(h2_session_capacity(client.session), 0);
    pair_settle(&client, &server);
    h2_stream_respond(server.streams[0], 200, NULL, 0, true);
    pair_settle(&client, &server);
    side_let_go(&client, 0);
    assert_int_equal(h2_session_capacity(client.session), 1);
    side_deinit(&client);
    side_deinit(&server);
}

static void test_pings_are_answered(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    h2_session_ping(client.session);
    pair_settle(&client, &server);
    assert_log(&client, "pong|");
    side_deinit(&client);
    side_deinit(&server);
}

static void test_any_split_makes_the_same_events(void **state)
{
    struct side client, whole;
    struct buf bytes = { 0 };

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&whole, H2_SERVER);
    struct h2_stream *stream = ask(&client, "POST", "/", false);
    char out[2000];
    size_t written;
    assert_int_equal(h2_stream_write(stream, SPAN("abcdefgh"), out, sizeof(out), &written), 8);
    buf_append(&bytes, span_of(out, written));
    h2_stream_end(stream, NULL, 0);
    side_say(&client, &bytes);

    for (size_t step = 1; step < 40; step++) {
        struct side server;
        side_init(&server, H2_SERVER);
        for (size_t at = 0; at < bytes.len; at += step)
            side_hear(&server, span_upto(span_from(buf_span(&bytes), at), step));
        assert_int_equal(server.result, H2_OK);
        assert_int_equal(h2_session_streams(server.session), 1);
        assert_memory_equal(server.log.ptr, "head 1 POST /|data", 18);
        side_deinit(&server);
    }
    buf_deinit(&bytes);
    side_deinit(&client);
    side_deinit(&whole);
}

static void test_output_fits_any_room(void **state)
{
    struct side client, server;
    struct buf bytes = { 0 };
    char at[7];
    size_t len;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    ask(&client, "GET", "/0123456789", true);
    while ((len = h2_session_pull(client.session, at, sizeof(at))) > 0)
        buf_append(&bytes, span_of(at, len));
    side_hear(&server, buf_span(&bytes));
    assert_log(&server, "head 1 GET /0123456789 whole|");
    buf_deinit(&bytes);
    side_deinit(&client);
    side_deinit(&server);
}

/* ---- what no honest client says ---- */

/* A server that has heard the preface and SETTINGS. */
static void server_init(struct side *server, struct buf *bytes)
{
    *bytes = (struct buf){ 0 };
    side_init(server, H2_SERVER);
    buf_append(bytes, SPAN(H2_PREFACE));
    frame_put(bytes, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
}

/* The code of the GOAWAY that the session said; -1: none. */
static int goaway_code(struct side *side)
{
    struct buf out = { 0 };
    int code = -1;

    side_say(side, &out);
    for (size_t at = 0; at + 9 <= out.len;) {
        const unsigned char *frame = (const unsigned char *)out.ptr + at;
        size_t len = (size_t)frame[0] << 16 | (size_t)frame[1] << 8 | frame[2];
        if (frame[3] == FRAME_GOAWAY)
            code = frame[9 + 7];
        at += 9 + len;
    }
    buf_deinit(&out);
    return code;
}

static void assert_calmed(struct side *server, struct buf *bytes, const char *what)
{
    print_message("%s\n", what);
    side_hear(server, buf_span(bytes));
    assert_int_equal(server->result, H2_OVER);
    assert_int_equal(goaway_code(server), H2_ENHANCE_YOUR_CALM);
    assert_true(h2_session_is_over(server->session));
    buf_deinit(bytes);
    side_deinit(server);
}

static void test_frames_that_carry_nothing_are_counted(void **state)
{
    static const struct {
        const char *what;
        unsigned type, flags;
        uint32_t stream;
        struct span payload;
    } floods[] = {
        { "PING", FRAME_PING, 0, 0, { "12345678", 8 } },
        { "PING answers", FRAME_PING, FLAG_ACK, 0, { "12345678", 8 } },
        { "SETTINGS", FRAME_SETTINGS, 0, 0, { "", 0 } },
        { "PRIORITY", FRAME_PRIORITY, 0, 1001, { "\0\0\0\0\1", 5 } },
        { "WINDOW_UPDATE", FRAME_WINDOW_UPDATE, 0, 0, { "\0\0\0\1", 4 } },
        { "empty DATA", FRAME_DATA, 0, 1, { "", 0 } },
        { "DATA of pad alone", FRAME_DATA, FLAG_PADDED, 1, { "\3\0\0\0", 4 } },
        { "RST_STREAM", FRAME_RST_STREAM, 0, 1, { "\0\0\0\0", 4 } },
        { "DATA for a stream that is over", FRAME_DATA, 0, 3, { "x", 1 } },
        { "frames unknown", 77, 0, 0, { "", 0 } },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
        struct side server;
        struct buf bytes;

        server_init(&server, &bytes);
        request_put(&bytes, 1, 0);
        request_put(&bytes, 3, 0);
        frame_put_u32(&bytes, FRAME_RST_STREAM, 3, H2_CANCEL);
        side_hear(&server, buf_span(&bytes));
        bytes.len = 0;
        for (int n = 0; n < H2_CHORES_BURST + 40; n++)
            frame_put(&bytes, floods[i].type, floods[i].flags, floods[i].stream, floods[i].payload);
        assert_calmed(&server, &bytes, floods[i].what);
    }
}

static void test_rapid_reset_ends(void **state)
{
    struct side server;
    struct buf bytes;

    (void)state;
    server_init(&server, &bytes);
    for (uint32_t i = 0; i < H2_CANCELS_BURST + 1; i++) {
        request_put(&bytes, 2 * i + 1, FLAG_END_STREAM);
        frame_put_u32(&bytes, FRAME_RST_STREAM, 2 * i + 1, H2_CANCEL);
    }
    frame_put(&bytes, FRAME_PING, 0, 0, SPAN("12345678"));
    assert_calmed(&server, &bytes, "rapid reset");
}

/* The client makes us reset: it costs the same. */
static void test_made_resets_end(void **state)
{
    struct side server;
    struct buf bytes;

    (void)state;
    int code = -1;
    server_init(&server, &bytes);
    side_hear(&server, buf_span(&bytes));
    for (uint32_t i = 0; i < H2_CANCELS_BURST + 1; i++) {
        struct buf block = { 0 };

        assert_int_equal(code, -1);
        bytes.len = 0;
        request_block(&block, "POST", "/");
        field_append(&block, "content-length", "1");
        frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, 2 * i + 1, buf_span(&block));
        frame_put(&bytes, FRAME_DATA, 0, 2 * i + 1, SPAN("more"));
        side_hear(&server, buf_span(&bytes));
        code = goaway_code(&server);
        buf_deinit(&block);
    }
    assert_int_equal(code, H2_ENHANCE_YOUR_CALM);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_an_honest_canceller_goes_on(void **state)
{
    struct side client, server;

    (void)state;
    side_init(&client, H2_CLIENT);
    side_init(&server, H2_SERVER);
    for (unsigned i = 0; i < 3 * H2_CANCELS_BURST; i++) {
        server.streams_len = client.streams_len = 0;
        ask(&client, "GET", "/", true);
        ask(&client, "GET", "/", true);
        pair_settle(&client, &server);
        side_let_go(&client, 1);
        h2_stream_respond(server.streams[0], 200, NULL, 0, true);
        pair_settle(&client, &server);
        assert_int_equal(server.result, H2_OK);
        side_let_go(&server, 0);
        side_let_go(&server, 1);
        side_let_go(&client, 0);
    }
    server.streams_len = client.streams_len = 0;
    side_deinit(&client);
    side_deinit(&server);
}

static void test_a_window_of_a_byte_at_a_time_ends(void **state)
{
    static char content[65536];
    struct side server;
    struct buf bytes;

    (void)state;
    server_init(&server, &bytes);
    frame_put(&bytes, FRAME_SETTINGS, 0, 0, span_of("\0\4\0\0\0\1", 6)); /* windows of a byte */
    request_put(&bytes, 1, FLAG_END_STREAM);
    side_hear(&server, buf_span(&bytes));
    h2_stream_respond(server.streams[0], 200, NULL, 0, false);
    for (int i = 0; i < H2_CHORES_BURST + 200 && server.result == H2_OK; i++) {
        char out[2000];
        size_t written;
        size_t taken = h2_stream_write(server.streams[0], span_of(content, sizeof(content)), out,
                                       sizeof(out), &written);
        assert_in_range(taken, 0, 1);
        bytes.len = 0;
        frame_put_u32(&bytes, FRAME_WINDOW_UPDATE, 1, 1);
        side_hear(&server, buf_span(&bytes));
    }
    assert_int_equal(server.result, H2_OVER);
    assert_int_equal(goaway_code(&server), H2_ENHANCE_YOUR_CALM);
    buf_deinit(&bytes);
    side_deinit(&server);
}

/* An entry of the table, named again and again: a byte of the client's is 4 KB of fields. */
static void test_a_bomb_of_fields_is_not_looked_at(void **state)
{
    struct side server;
    struct buf bytes, block = { 0 };
    char value[3900];

    (void)state;
    server_init(&server, &bytes);
    memset(value, 'a', sizeof(value));
    request_block(&block, "GET", "/");
    buf_append(&block, SPAN("\x40\1x\x7f\xbd\x1d")); /* a literal that is indexed, of 3900 bytes */
    buf_append(&block, span_of(value, sizeof(value)));
    for (int i = 0; i < 10000; i++)
        buf_append_byte(&block, (char)0xbe); /* the newest entry */
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 1, buf_span(&block));
    request_put(&bytes, 3, FLAG_END_STREAM);
    side_hear(&server, buf_span(&bytes));
    assert_int_equal(server.result, H2_OK);
    assert_log(&server, "head 3 GET / whole|"); /* the table is whole, the connection goes on */

    bytes.len = 0;
    for (uint32_t i = 0; i < H2_CANCELS_BURST / H2_HEAD_EXCESS_CANCELS; i++)
        frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 5 + 2 * i,
                  buf_span(&block));
    side_hear(&server, buf_span(&bytes));
    assert_int_equal(server.result, H2_OVER); /* but not for long */
    assert_int_equal(goaway_code(&server), H2_ENHANCE_YOUR_CALM);
    buf_deinit(&block);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_a_head_too_large_is_told_so(void **state)
{
    struct side server;
    struct buf bytes, block = { 0 };

    (void)state;
    server_init(&server, &bytes);
    request_block(&block, "GET", "/");
    for (int i = 0; i < 200; i++)
        field_append(&block, "a",
                     "01234567890123456789012345678901234567890123456789012345678901234"
                     "567890123456789012345678901234567890");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_STREAM, 1, span_upto(buf_span(&block), 16000));
    frame_put(&bytes, FRAME_CONTINUATION, FLAG_END_HEADERS, 1, span_from(buf_span(&block), 16000));
    side_hear(&server, buf_span(&bytes));
    assert_log(&server, "bad 1 431|");
    buf_deinit(&block);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_continuations_end(void **state)
{
    struct side server;
    struct buf bytes;

    (void)state;
    server_init(&server, &bytes);
    frame_put(&bytes, FRAME_HEADERS, 0, 1, SPAN_EMPTY);
    for (int i = 0; i < H2_CONTINUATIONS_MAX + 2; i++)
        frame_put(&bytes, FRAME_CONTINUATION, 0, 1, SPAN_EMPTY);
    side_hear(&server, buf_span(&bytes));
    assert_int_equal(server.result, H2_OVER);
    assert_int_equal(goaway_code(&server), H2_ENHANCE_YOUR_CALM);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_too_many_streams_end(void **state)
{
    struct side server;
    struct buf bytes;

    (void)state;
    server_init(&server, &bytes);
    side_hear(&server, buf_span(&bytes));
    assert_int_equal(goaway_code(&server), -1);
    bytes.len = 0;
    frame_put(&bytes, FRAME_SETTINGS, FLAG_ACK, 0, SPAN_EMPTY);
    for (uint32_t i = 0; i < 17; i++)
        request_put(&bytes, 2 * i + 1, FLAG_END_STREAM);
    side_hear(&server, buf_span(&bytes));
    assert_int_equal(server.streams_len, 16);
    assert_int_equal(goaway_code(&server), H2_PROTOCOL_ERROR);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_malformed_requests_are_reset(void **state)
{
    struct side server;
    struct buf bytes, block = { 0 };

    (void)state;
    server_init(&server, &bytes);
    request_block(&block, "GET", "/");
    field_append(&block, "a", "x\r\ny: z");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 1, buf_span(&block));
    request_put(&bytes, 3, FLAG_END_STREAM);
    side_hear(&server, buf_span(&bytes));
    assert_log(&server, "head 3 GET / whole|");
    buf_deinit(&block);
    buf_deinit(&bytes);
    side_deinit(&server);
}

static void test_other_protocols_are_refused(void **state)
{
    struct side server;

    (void)state;
    side_init(&server, H2_SERVER);
    side_hear(&server, SPAN("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_int_equal(server.result, H2_OVER);
    assert_int_equal(goaway_code(&server), H2_PROTOCOL_ERROR);
    side_deinit(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_request_and_its_answer),
        cmocka_unit_test(test_bodies_and_trailers_both_ways),
        cmocka_unit_test(test_an_answer_without_content),
        cmocka_unit_test(test_windows_hold_back_what_is_not_consumed),
        cmocka_unit_test(test_freed_streams_give_their_window_back),
        cmocka_unit_test(test_resets_are_told),
        cmocka_unit_test(test_a_request_that_was_never_sent_can_be_freed),
        cmocka_unit_test(test_goaway_refuses_what_comes_late),
        cmocka_unit_test(test_capacity_follows_settings),
        cmocka_unit_test(test_pings_are_answered),
        cmocka_unit_test(test_any_split_makes_the_same_events),
        cmocka_unit_test(test_output_fits_any_room),
        cmocka_unit_test(test_frames_that_carry_nothing_are_counted),
        cmocka_unit_test(test_rapid_reset_ends),
        cmocka_unit_test(test_made_resets_end),
        cmocka_unit_test(test_an_honest_canceller_goes_on),
        cmocka_unit_test(test_a_window_of_a_byte_at_a_time_ends),
        cmocka_unit_test(test_a_bomb_of_fields_is_not_looked_at),
        cmocka_unit_test(test_a_head_too_large_is_told_so),
        cmocka_unit_test(test_continuations_end),
        cmocka_unit_test(test_too_many_streams_end),
        cmocka_unit_test(test_malformed_requests_are_reset),
        cmocka_unit_test(test_other_protocols_are_refused),
    };

    return cmocka_run_group_tests_name("http/h2_session", tests, NULL, NULL);
}
