#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/list_page.h"
#include "base/compiler.h"

struct seen {
    struct buf items; /* one a line */
    unsigned oversized;
    struct list_page *stop_at_first;
};

static void on_item(void *ctx, struct span json)
{
    struct seen *seen = ctx;

    buf_append(&seen->items, json);
    buf_append_byte(&seen->items, '\n');
    if (seen->stop_at_first)
        list_page_stop(seen->stop_at_first);
}

static void on_oversized(void *ctx)
{
    ((struct seen *)ctx)->oversized++;
}

static const struct list_page_events events = { on_item, on_oversized };

static void feed_cut(struct list_page *page, struct span text, size_t first, size_t step,
                     struct seen *seen)
{
    list_page_feed(page, span_upto(text, first), &events, seen);
    for (size_t at = first; at < text.len; at += step)
        list_page_feed(page, span_upto(span_from(text, at), step), &events, seen);
}

static const struct {
    const char *text, *items, *metadata;
    bool is_whole;
} cases[] = {
    { "{\"kind\":\"IngressList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\","
      "\"continue\":\"x\"},\"items\":[{\"a\":[1,{\"b\":2}]},{\"c\":\"],}\\\"\"}]}\n",
      "{\"a\":[1,{\"b\":2}]}\n{\"c\":\"],}\\\"\"}\n",
      "{\"resourceVersion\":\"7\",\"continue\":\"x\"}", true },
    { "{\"items\":[],\"metadata\":{}}", "", "{}", true },
    { "{\"items\":null,\"metadata\":{}}", "", "{}", true },
    { " { \"items\" : [ {} , 12 , \"x\" , null ] , \"metadata\" : { \"items\" : [ 1 ] } } ",
      "{} \n12 \n\"x\" \nnull \n", "{ \"items\" : [ 1 ] } ", true },
    { "{\"x\":{\"items\":[1],\"metadata\":{}},\"itemsitemsitemsitems\":[2]}", "", "", true },
    { "{\"it\\u0065ms\":[1]}", "", "", true },
    { "{\"metadata\":{\"items\":[3]},\"items\":[{\"metadata\":{\"items\":[4]}}]}",
      "{\"metadata\":{\"items\":[4]}}\n", "{\"items\":[3]}", true },
    { "{\"items\":[{\"a\":1},{\"b\":", "{\"a\":1}\n", "", false },
    { "{\"items\":{\"a\":1}}", "", "", false },
    { "{\"metadata\":{},\"metadata\":{}}", "", "{}", false },
    { "[{\"items\":[1]}]", "", "", false },
    { "<html>", "", "", false },
    { "", "", "", false },
    { "}", "", "", false },
    { "{\"items\":[1]}{\"items\":[2]}", "1\n", "", false },
};

static void items_are_cut_out_however_the_page_comes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct span text = span_from_str(cases[i].text);
        for (size_t first = 0; first <= text.len; first++) {
            static const size_t steps[] = { 1, 2, 3, 7, 100000 };
            for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
                struct list_page page;
                struct seen seen = { 0 };
                list_page_init(&page, 1000);
                feed_cut(&page, text, first, steps[s], &seen);
                if (!span_eq(buf_span(&seen.items), span_from_str(cases[i].items)) ||
                    list_page_is_whole(&page) != cases[i].is_whole ||
                    (cases[i].is_whole &&
                     !span_eq(list_page_metadata(&page), span_from_str(cases[i].metadata))))
                    fail_msg("case %zu cut at %zu, then each %zu", i, first, steps[s]);
                assert_int_equal(seen.oversized, 0);
                buf_deinit(&seen.items);
                list_page_deinit(&page);
            }
        }
    }
}

static void an_oversized_item_costs_itself_only(void **state)
{
    struct span text =
        SPAN("{\"items\":[\"1234\",\"12345678901234567890\",\"5678\"],\"metadata\":{}}");

    (void)state;
    for (size_t first = 0; first <= text.len; first++) {
        struct list_page page;
        struct seen seen = { 0 };
        list_page_init(&page, 8);
        feed_cut(&page, text, first, 5, &seen);
        assert_true(span_eq(buf_span(&seen.items), SPAN("\"1234\"\n\"5678\"\n")));
        assert_int_equal(seen.oversized, 1);
        assert_true(list_page_is_whole(&page));
        assert_true(page.partial.cap <= 256);
        buf_deinit(&seen.items);
        list_page_deinit(&page);
    }
}

static void metadata_and_depth_are_bounded(void **state)
{
    struct list_page page;
    struct seen seen = { 0 };

    (void)state;
    list_page_init(&page, 1000);
    list_page_feed(&page, SPAN("{\"metadata\":{\"x\":\""), &events, &seen);
    for (int i = 0; i < 70; i++) {
        char block[1024];
        memset(block, 'x', sizeof(block));
        list_page_feed(&page, span_of(block, sizeof(block)), &events, &seen);
    }
    list_page_feed(&page, SPAN("\"}}"), &events, &seen);
    assert_false(list_page_is_whole(&page));

    list_page_reset(&page);
    list_page_feed(&page, SPAN("{\"x\":"), &events, &seen);
    for (int i = 0; i < 2 * LIST_PAGE_DEPTH_MAX; i++)
        list_page_feed(&page, SPAN("["), &events, &seen);
    assert_true(page.is_spoilt);
    list_page_deinit(&page);
}

static void a_stopped_page_tells_no_more(void **state)
{
    struct list_page page;
    struct seen seen = { .stop_at_first = &page };

    (void)state;
    list_page_init(&page, 1000);
    list_page_feed(&page, SPAN("{\"items\":[1,2,3]}"), &events, &seen);
    assert_true(span_eq(buf_span(&seen.items), SPAN("1\n")));
    buf_deinit(&seen.items);
    list_page_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(items_are_cut_out_however_the_page_comes),
        cmocka_unit_test(an_oversized_item_costs_itself_only),
        cmocka_unit_test(metadata_and_depth_are_bounded),
        cmocka_unit_test(a_stopped_page_tells_no_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
