#include "h2_by_hand.h"
#include "h2_pair.h"

/* Content of another length than the head said (RFC 9113, 8.1.1) must end in a reset, never in an end: whoever
 * passes it on as HTTP/1.1 has passed on the length already, and what is missing or left over would be taken for
 * the next message. */

struct length_case {
    const char *said;   /* Content-Length */
    const char *method; /* of the request */
    size_t pieces[2];   /* DATA frames; of no length where 0 */
    bool trailers;      /* behind them */
    const char *log;
};

/* The head is there; the content follows, and the end with its last frame. */
static void content_put(struct buf *bytes, const struct length_case *length)
{
    struct buf trailers = { 0 };

    field_append(&trailers, "a", "b");
    frame_put(bytes, FRAME_DATA, 0, 1, span_of("0123456789", length->pieces[0]));
    frame_put(bytes, FRAME_DATA, length->trailers ? 0 : FLAG_END_STREAM, 1,
              span_of("0123456789", length->pieces[1]));
    if (length->trailers)
        frame_put(bytes, FRAME_HEADERS, FLAG_END_HEADERS | FLAG_END_STREAM, 1, buf_span(&trailers));
    buf_deinit(&trailers);
}

static void assert_case(struct side *side, struct buf *bytes, const struct length_case *length)
{
    print_message("%s of %s\n", length->log, length->said);
    content_put(bytes, length);
    side_hear(side, buf_span(bytes));
    bytes->len = 0;
    side_say(side, bytes);
    assert_int_equal(side->result, H2_OK);
    side_expect(side, length->log);
    buf_deinit(bytes);
    side_deinit(side);
}

static void test_requests_of_another_length_are_reset(void **state)
{
    static const struct length_case cases[] = {
        { "5", "POST", { 2, 3 }, false, "head 1 POST /|data 1 2|data 1 3|end 1|" },
        { "5", "POST", { 2, 3 }, true, "head 1 POST /|data 1 2|data 1 3|end 1 a=b|" },
        { "5", "POST", { 2, 4 }, false, "head 1 POST /|data 1 2|reset 1 1|" },
        { "5", "POST", { 2, 2 }, false, "head 1 POST /|data 1 2|data 1 2|reset 1 1|" },
        { "5", "POST", { 2, 2 }, true, "head 1 POST /|data 1 2|data 1 2|reset 1 1|" },
        { "0", "POST", { 1, 0 }, false, "head 1 POST /|reset 1 1|" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf bytes = { 0 }, block = { 0 };
        struct side server;

        side_init(&server, H2_SERVER);
        buf_append(&bytes, SPAN(H2_PREFACE));
        frame_put(&bytes, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
        request_block(&block, cases[i].method, "/");
        field_append(&block, "content-length", cases[i].said);
        frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, 1, buf_span(&block));
        buf_deinit(&block);
        assert_case(&server, &bytes, &cases[i]);
    }
}

static void test_answers_of_another_length_are_reset(void **state)
{
    static const struct length_case cases[] = {
        { "5", "GET", { 2, 3 }, false, "head 1 200|data 1 2|data 1 3|end 1|" },
        { "5", "GET", { 2, 3 }, true, "head 1 200|data 1 2|data 1 3|end 1 a=b|" },
        { "5", "GET", { 2, 4 }, false, "head 1 200|data 1 2|reset 1 1|" },
        { "5", "GET", { 2, 2 }, false, "head 1 200|data 1 2|data 1 2|reset 1 1|" },
        { "5", "GET", { 2, 2 }, true, "head 1 200|data 1 2|data 1 2|reset 1 1|" },
        /* It says what there would be, and there is none; its end is said apart here. */
        { "5", "HEAD", { 0, 0 }, false, "head 1 200 whole|end 1|" },
        { "5", "HEAD", { 5, 0 }, false, "head 1 200 whole|reset 1 1|" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf bytes = { 0 }, block = { 0 };
        struct side client;

        side_init(&client, H2_CLIENT);
        side_ask(&client, cases[i].method, "/", true);
        side_say(&client, &bytes);
        bytes.len = 0;
        frame_put(&bytes, FRAME_SETTINGS, 0, 0, SPAN_EMPTY);
        field_append(&block, ":status", "200");
        field_append(&block, "content-length", cases[i].said);
        frame_put(&bytes, FRAME_HEADERS, FLAG_END_HEADERS, 1, buf_span(&block));
        buf_deinit(&block);
        assert_case(&client, &bytes, &cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_of_another_length_are_reset),
        cmocka_unit_test(test_answers_of_another_length_are_reset),
    };

    return cmocka_run_group_tests_name("http/h2_length", tests, NULL, NULL);
}
