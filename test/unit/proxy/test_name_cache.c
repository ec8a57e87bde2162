#include "proxy/upstream/name_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/num.h"

static struct name_cache cache;
static struct name *asked; /* last */
static unsigned questions;

static void on_ask(struct name_cache *of, struct name *name)
{
    assert_ptr_equal(of, &cache);
    asked = name;
    questions++;
}

static int setup(void **state)
{
    (void)state;
    name_cache_init(&cache, on_ask);
    questions = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    name_cache_deinit(&cache);
    return 0;
}

static struct ip_addr address(uint8_t last)
{
    return (struct ip_addr){ { [10] = 0xFF, [11] = 0xFF, [12] = 192, [14] = 2, [15] = last } };
}

/* Somebody who asks, and asks again when told to. */
struct asker {
    struct resolver_query query;
    const char *name;
    uint64_t now_ms;
    unsigned told;
    int result;
    struct ip_addr ip;
};

static void ask(struct asker *asker)
{
    asker->result = name_cache_find(&cache, span_from_str(asker->name), asker->now_ms,
                                    &asker->query, &asker->ip);
}

static void on_done(struct resolver_query *query)
{
    struct asker *asker = container_of(query, struct asker, query);

    asker->told++;
    ask(asker);
}

static struct asker asker_of(const char *name, uint64_t now_ms)
{
    return (struct asker){ .query = { .on_done = on_done }, .name = name, .now_ms = now_ms };
}

static void asker_begin(struct asker *asker)
{
    list_init(&asker->query.link);
    ask(asker);
}

static int result_at(const char *name, uint64_t now_ms)
{
    struct asker asker = asker_of(name, now_ms);

    asker_begin(&asker);
    list_remove(&asker.query.link);
    return asker.result;
}

/* The last byte of the address at this time. */
static uint8_t found_at(const char *name, uint64_t now_ms)
{
    struct asker asker = asker_of(name, now_ms);

    asker_begin(&asker);
    assert_int_equal(asker.result, RESOLVER_OK);
    return asker.ip.bytes[15];
}

static void test_all_who_wait_are_told_once(void **state)
{
    (void)state;
    struct asker first = asker_of("a.test", 1000), second = asker_of("a.test", 1001),
                 gone = asker_of("a.test", 1002);
    const struct ip_addr addresses[] = { address(1), address(2) };

    asker_begin(&first);
    asker_begin(&second);
    asker_begin(&gone);
    assert_int_equal(first.result, RESOLVER_WAIT);
    assert_int_equal(questions, 1); /* one question for all of them */
    list_remove(&gone.query.link);
    name_cache_answer(asked, 1010, addresses, 2, 5000);
    assert_int_equal(first.told, 1);
    assert_int_equal(second.told, 1);
    assert_int_equal(gone.told, 0);
    assert_int_equal(first.ip.bytes[15], 1);
    assert_int_equal(second.ip.bytes[15], 2); /* addresses take turns */
    assert_int_equal(found_at("a.test", 1020), 1);
}

/* What has run out is used until there is news. */
static void test_answers_live_as_long_as_they_say(void **state)
{
    (void)state;
    struct ip_addr one = address(1), two = address(2);

    assert_int_equal(result_at("a.test", 1000), RESOLVER_WAIT);
    name_cache_answer(asked, 1000, &one, 1, 5000);
    assert_int_equal(found_at("a.test", 5999), 1);
    assert_int_equal(questions, 1);
    assert_int_equal(found_at("a.test", 6000), 1);
    assert_int_equal(questions, 2);
    assert_int_equal(found_at("a.test", 6001), 1); /* asked already */
    assert_int_equal(questions, 2);
    name_cache_answer(asked, 6010, &two, 1, 5000);
    assert_int_equal(found_at("a.test", 6020), 2);

    /* Nobody answers: what is known stays, and is asked for again from time to time. */
    assert_int_equal(found_at("a.test", 20000), 2);
    name_cache_miss(asked, 20010);
    assert_int_equal(found_at("a.test", 20011), 2);
    assert_int_equal(questions, 3);
    assert_int_equal(found_at("a.test", 20010 + RESOLVER_FAILED_TTL_MS), 2);
    assert_int_equal(questions, 4);

    /* That there is none is an answer. */
    name_cache_answer(asked, 22000, &two, 0, 0);
    assert_int_equal(result_at("a.test", 22001), RESOLVER_FAILED);
    assert_int_equal(questions, 4);
    assert_int_equal(result_at("a.test", 22000 + RESOLVER_TTL_MIN_MS), RESOLVER_WAIT);
    assert_int_equal(questions, 5);
}

static void test_times_to_live_are_held_in_bounds(void **state)
{
    (void)state;
    static const struct {
        uint64_t ttl_ms, lives_ms;
    } cases[] = { { 0, RESOLVER_TTL_MIN_MS },
                  { 1500, 1500 },
                  { UINT64_MAX / 2, RESOLVER_TTL_MAX_MS } };
    struct ip_addr one = address(1);
    uint64_t now_ms = 1000;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)!result_at("a.test", now_ms);
        unsigned before = questions;
        name_cache_answer(asked, now_ms, &one, 1, cases[i].ttl_ms);
        now_ms += cases[i].lives_ms;
        assert_int_equal(found_at("a.test", now_ms - 1), 1);
        assert_int_equal(questions, before);
        assert_int_equal(found_at("a.test", now_ms), 1);
        assert_int_equal(questions, before + 1);
    }
}

/* A name server that says nothing holds nobody up for longer than the time, and not at all again. */
static void test_nobody_waits_for_ever(void **state)
{
    (void)state;
    struct asker early = asker_of("a.test", 1000), late = asker_of("b.test", 2000);
    struct ip_addr one = address(1);
    struct name *a;

    asker_begin(&early);
    a = asked;
    asker_begin(&late);
    name_cache_expire(&cache, 1000 + RESOLVER_TIMEOUT_MS - 1);
    assert_int_equal(early.told, 0);
    early.now_ms = 1000 + RESOLVER_TIMEOUT_MS;
    name_cache_expire(&cache, early.now_ms);
    assert_int_equal(early.told, 1);
    assert_int_equal(early.result, RESOLVER_FAILED);
    assert_int_equal(late.told, 0);
    assert_int_equal(result_at("a.test", early.now_ms + 60000), RESOLVER_FAILED);
    assert_int_equal(questions, 2);             /* the one that is open is enough */
    name_cache_answer(a, 70000, &one, 1, 1000); /* better late than never */
    assert_int_equal(found_at("a.test", 70000), 1);
    late.now_ms = 70000;
    name_cache_expire(&cache, 70000);
    assert_int_equal(late.result, RESOLVER_FAILED);
}

static const char *numbered(char text[static 24], unsigned i)
{
    text[num_format_u64(text, i)] = '\0';
    return text;
}

static void test_room_is_made_for_new_names(void **state)
{
    (void)state;
    struct ip_addr one = address(1);
    char text[24];

    for (unsigned i = 0; i < RESOLVER_NAMES_MAX; i++) {
        assert_int_equal(result_at(numbered(text, i), 1000), RESOLVER_WAIT);
        if (i > 0) /* the first name's answer does not come */
            name_cache_answer(asked, 1000, &one, 1, 10000 + i);
    }
    /* All live: the one that would go first goes. */
    assert_int_equal(result_at("new.test", 2000), RESOLVER_WAIT);
    assert_int_equal(cache.names.len, RESOLVER_NAMES_MAX);
    assert_null(map_find(&cache.names, SPAN("1")));
    assert_non_null(map_find(&cache.names, SPAN("0")));
    name_cache_answer(asked, 2000, &one, 1, 300000);
    /* Those that have run out go together. */
    assert_int_equal(result_at("newer.test", 100000), RESOLVER_WAIT);
    assert_int_equal(cache.names.len, 3);
    name_cache_miss(asked, 100000);

    /* Where all are being asked for, there is none. */
    for (unsigned i = 0; i < RESOLVER_NAMES_MAX - 1; i++)
        assert_int_equal(result_at(numbered(text, i), 500000), RESOLVER_WAIT);
    assert_int_equal(result_at("newer.test", 500000), RESOLVER_WAIT);
    assert_int_equal(result_at("newest.test", 500000), RESOLVER_FAILED);
}

/* Who is told may ask for another name, for which the one that he is told of makes way: the others are told all the same. */
static struct asker asks_for_more;

static void on_done_elsewhere(struct resolver_query *query)
{
    struct asker *asker = container_of(query, struct asker, query);

    asker->told++;
    asker_begin(&asks_for_more);
}

static void test_a_name_makes_way_while_it_is_told(void **state)
{
    (void)state;
    struct asker first = asker_of("a.test", 2000), second = asker_of("a.test", 2000);
    struct ip_addr one = address(1);
    struct name *told;
    char text[24];

    asks_for_more = asker_of("b.test", 2000);
    first.query.on_done = on_done_elsewhere;
    asker_begin(&first);
    asker_begin(&second);
    told = asked;
    for (unsigned i = 1; i < RESOLVER_NAMES_MAX; i++) {
        assert_int_equal(result_at(numbered(text, i), 2000), RESOLVER_WAIT);
        name_cache_answer(asked, 2000, &one, 1, 10000);
    }
    name_cache_answer(told, 2000, &one, 1, RESOLVER_TTL_MIN_MS);
    assert_int_equal(first.told, 1);
    assert_int_equal(asks_for_more.result, RESOLVER_WAIT);
    assert_int_equal(second.told, 1);
    list_remove(&asks_for_more.query.link);
    list_remove(&second.query.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_all_who_wait_are_told_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_answers_live_as_long_as_they_say, setup, teardown),
        cmocka_unit_test_setup_teardown(test_times_to_live_are_held_in_bounds, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nobody_waits_for_ever, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_is_made_for_new_names, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_name_makes_way_while_it_is_told, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
