#include "h2_by_hand.h"
#include "h2_pair.h"

/* What no honest client says, and how soon it ends. */

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
    struct frame frame;
    int code = -1;

    side_say(side, &out);
    struct span rest = buf_span(&out);
    while (frame_take(&rest, &frame)) {
        if (frame.type == FRAME_GOAWAY)
            code = (unsigned char)frame.payload.ptr[7];
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
    pair_init(&client, &server);
    for (unsigned i = 0; i < 3 * H2_CANCELS_BURST; i++) {
        server.streams_len = client.streams_len = 0;
        side_ask(&client, "GET", "/", true);
        side_ask(&client, "GET", "/", true);
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
    pair_deinit(&client, &server);
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
    side_expect(&server, "head 3 GET / whole|"); /* the table is whole, the connection goes on */

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
    side_expect(&server, "bad 1 431|");
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
    struct buf bytes, block = { 0 }, out = { 0 };
    struct frame frame = { 0 };

    (void)state;
    server_init(&server, &bytes);
    request_block(&block, "GET", "/");
    field_append(&block, "a", "x\r\ny: z");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 1, buf_span(&block));
    request_put(&bytes, 3, FLAG_END_STREAM);
    side_hear(&server, buf_span(&bytes));
    side_expect(&server, "head 3 GET / whole|");
    side_say(&server, &out);
    struct span rest = buf_span(&out);
    while (frame.type != FRAME_RST_STREAM)
        assert_true(frame_take(&rest, &frame));
    assert_int_equal(frame.stream, 1);
    assert_int_equal(frame.payload.ptr[3], H2_PROTOCOL_ERROR);
    buf_deinit(&out);
    buf_deinit(&block);
    buf_deinit(&bytes);
    side_deinit(&server);
}

/* The reset goes out, and is told, in the middle of writing to that stream. */
static void test_a_stream_can_be_freed_while_it_is_written(void **state)
{
    struct side server;
    struct buf bytes, block = { 0 };
    char out[4000];
    size_t written;

    (void)state;
    server_init(&server, &bytes);
    server.lets_go = true;
    request_put(&bytes, 1, 0);
    field_append(&block, ":path", "/");
    frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 1, buf_span(&block));
    side_hear(&server, buf_span(&bytes));
    h2_stream_respond(server.streams[0], 200, NULL, 0, false);
    assert_int_equal(h2_stream_write(server.streams[0], SPAN("hello"), out, sizeof(out), &written),
                     5);
    side_expect(&server, "head 1 GET /|reset 1 1|");
    assert_null(server.streams[0]);
    assert_int_equal(h2_session_streams(server.session), 0);
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
        cmocka_unit_test(test_a_stream_can_be_freed_while_it_is_written),
        cmocka_unit_test(test_other_protocols_are_refused),
    };

    return cmocka_run_group_tests_name("http/h2_hostile", tests, NULL, NULL);
}
