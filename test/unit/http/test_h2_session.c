#include "http/h2_session.h"

#include "h2_pair.h"

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
    pair_init(&client, &server);
    side_ask(&client, "GET", "/a", true);
    pair_settle(&client, &server);
    side_expect(&server, "head 1 GET /a whole|");

    h2_stream_respond(server.streams[0], 103, &header, 1, false);
    h2_stream_respond(server.streams[0], 200, &header, 1, false);
    assert_int_equal(tell(&client, server.streams[0], SPAN("hello")), 5);
    h2_stream_end(server.streams[0], NULL, 0);
    pair_settle(&client, &server);
    side_expect(&client, "head 1 103 whole|head 1 200|data 1 5|end 1|");
    assert_true(h2_stream_is_ended(server.streams[0]));

    side_let_go(&server, 0);
    assert_int_equal(h2_session_streams(server.session), 0);
    pair_settle(&client, &server);
    side_expect(&client, "");
    pair_deinit(&client, &server);
}

static void test_bodies_and_trailers_both_ways(void **state)
{
    struct side client, server;
    struct http_header trailer = {
        .name = "grpc-status", .name_len = 11, .value = "0", .value_len = 1
    };

    (void)state;
    pair_init(&client, &server);
    struct h2_stream *stream = side_ask(&client, "POST", "/", false);
    pair_settle(&client, &server);
    assert_int_equal(tell(&server, stream, SPAN("abc")), 3);
    h2_stream_end(stream, &trailer, 1);
    pair_settle(&client, &server);
    side_expect(&server, "head 1 POST /|data 1 3|end 1 grpc-status=0|");

    h2_stream_respond(server.streams[0], 200, NULL, 0, false);
    h2_stream_end(server.streams[0], &trailer, 1);
    pair_settle(&client, &server);
    side_expect(&client, "head 1 200|end 1 grpc-status=0|");
    pair_deinit(&client, &server);
}

static void test_an_answer_without_content(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "POST", "/", false);
    pair_settle(&client, &server);
    h2_stream_respond(server.streams[0], 404, NULL, 0, true);
    side_let_go(&server, 0); /* the request goes on: NO_ERROR tells the client to stop */
    pair_settle(&client, &server);
    side_expect(&client, "head 1 404 whole|reset 1 0|");
    pair_deinit(&client, &server);
}

static void test_windows_hold_back_what_is_not_consumed(void **state)
{
    static char piece[200000];
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    server.consumes = false;
    struct h2_stream *first = side_ask(&client, "POST", "/", false);
    struct h2_stream *second = side_ask(&client, "POST", "/", false);
    pair_settle(&client, &server);

    size_t taken = tell(&server, first, span_of(piece, sizeof(piece)));
    assert_int_equal(taken, 65535);
    /* The connection's window is larger than one stream's and smaller than two. */
    assert_int_equal(tell(&server, second, span_of(piece, sizeof(piece))), 100000 - 65535);
    client.log.len = 0;

    h2_stream_consume(server.streams[0], 65535);
    pair_settle(&client, &server);
    side_expect(&client,
                "writable 1|writable 3|"); /* the one waited for both windows, the other for one */
    assert_int_equal(tell(&server, first, span_of(piece, 10)), 10);
    pair_deinit(&client, &server);
}

static void test_freed_streams_give_their_window_back(void **state)
{
    static char piece[65535];
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    server.consumes = false;
    for (unsigned i = 0; i < 20; i++) {
        struct h2_stream *stream = side_ask(&client, "POST", "/", false);
        pair_settle(&client, &server);
        assert_int_equal(tell(&server, stream, span_of(piece, sizeof(piece))), sizeof(piece));
        side_let_go(&server, i);
        pair_settle(&client, &server);
        side_let_go(&client, i);
    }
    pair_deinit(&client, &server);
}

static void test_resets_are_told(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "POST", "/1", false);
    side_ask(&client, "POST", "/2", false);
    pair_settle(&client, &server);
    server.log.len = 0;

    side_let_go(&client, 0);
    h2_stream_reset(server.streams[1], H2_REFUSED_STREAM);
    pair_settle(&client, &server);
    side_expect(&server, "reset 1 8|");
    side_expect(&client, "reset 3 7|");
    assert_false(h2_stream_is_open(server.streams[0]));
    h2_stream_respond(server.streams[0], 200, NULL, 0, false); /* nobody listens: no harm */
    assert_int_equal(tell(&client, server.streams[0], SPAN("abc")), 3);
    h2_stream_end(server.streams[0], NULL, 0);
    pair_deinit(&client, &server);
}

static void test_a_request_that_was_never_sent_can_be_freed(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "GET", "/", true);
    side_let_go(&client, 0);
    pair_settle(&client, &server);
    side_expect(&server, "");
    pair_deinit(&client, &server);
}

static void test_goaway_refuses_what_comes_late(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "POST", "/", false);
    pair_settle(&client, &server);

    h2_session_shutdown_begin(server.session);
    side_ask(&client, "GET", "/", true); /* on its way when the first notice comes: still taken */
    struct buf late = { 0 };
    side_say(&client, &late);
    pair_settle(&client, &server);
    side_expect(&client, "goaway 0|");
    assert_int_equal(h2_session_capacity(client.session), 0);
    side_hear(&server, buf_span(&late));
    buf_deinit(&late);
    side_expect(&server, "head 1 POST /|head 3 GET / whole|");

    h2_session_shutdown(server.session, H2_NO_ERROR);
    pair_settle(&client, &server);
    assert_int_equal(server.result, H2_OK);
    h2_stream_respond(server.streams[0], 200, NULL, 0, true);
    h2_stream_respond(server.streams[1], 200, NULL, 0, true);
    side_let_go(&server, 0);
    side_let_go(&server, 1);
    pair_settle(&client, &server);
    assert_true(h2_session_is_over(server.session));
    pair_deinit(&client, &server);
}

/* The server never saw it: a reset of it would be the end of the connection, and of what goes on there. */
static void test_a_request_that_goaway_overtakes_is_refused(void **state)
{
    struct side client, server;
    struct buf goaway = { 0 };

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "POST", "/", false);
    pair_settle(&client, &server);
    side_ask(&client, "GET", "/late", true);
    h2_session_shutdown(server.session, H2_NO_ERROR);
    side_say(&server, &goaway);
    side_hear(&client, buf_span(&goaway));
    buf_deinit(&goaway);
    pair_settle(&client, &server);
    side_expect(&client, "goaway 0|reset 3 7|");

    assert_int_equal(server.result, H2_OK);
    h2_stream_respond(server.streams[0], 200, NULL, 0, true);
    pair_settle(&client, &server);
    side_expect(&client, "head 1 200 whole|");
    pair_deinit(&client, &server);
}

static void test_capacity_follows_settings(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    assert_int_equal(h2_session_capacity(client.session), H2_STREAMS_BEFORE_SETTINGS);
    pair_settle(&client, &server);
    assert_int_equal(h2_session_capacity(client.session), 16);
    for (unsigned i = 0; i < 16; i++)
        side_ask(&client, "GET", "/", true);
    assert_int_equal(h2_session_capacity(client.session), 0);
    pair_settle(&client, &server);
    h2_stream_respond(server.streams[0], 200, NULL, 0, true);
    pair_settle(&client, &server);
    side_let_go(&client, 0);
    assert_int_equal(h2_session_capacity(client.session), 1);
    pair_deinit(&client, &server);
}

static void test_pings_are_answered(void **state)
{
    struct side client, server;

    (void)state;
    pair_init(&client, &server);
    h2_session_ping(client.session);
    pair_settle(&client, &server);
    side_expect(&client, "pong|");
    pair_deinit(&client, &server);
}

static void test_any_split_makes_the_same_events(void **state)
{
    struct side client;
    struct buf bytes = { 0 };

    (void)state;
    side_init(&client, H2_CLIENT);
    struct h2_stream *stream = side_ask(&client, "POST", "/", false);
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
        assert_true(span_starts_with(buf_span(&server.log), SPAN("head 1 POST /|data 1 ")));
        assert_int_equal(server.content_bytes, 8);
        assert_true(span_ends_with(buf_span(&server.log), SPAN("|end 1|")));
        side_deinit(&server);
    }
    buf_deinit(&bytes);
    side_deinit(&client);
}

static void test_output_fits_any_room(void **state)
{
    struct side client, server;
    struct buf bytes = { 0 };
    char at[7];
    size_t len;

    (void)state;
    pair_init(&client, &server);
    side_ask(&client, "GET", "/0123456789", true);
    while ((len = h2_session_pull(client.session, at, sizeof(at))) > 0)
        buf_append(&bytes, span_of(at, len));
    side_hear(&server, buf_span(&bytes));
    side_expect(&server, "head 1 GET /0123456789 whole|");
    buf_deinit(&bytes);
    pair_deinit(&client, &server);
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
        cmocka_unit_test(test_a_request_that_goaway_overtakes_is_refused),
        cmocka_unit_test(test_capacity_follows_settings),
        cmocka_unit_test(test_pings_are_answered),
        cmocka_unit_test(test_any_split_makes_the_same_events),
        cmocka_unit_test(test_output_fits_any_room),
    };

    return cmocka_run_group_tests_name("http/h2_session", tests, NULL, NULL);
}
