#include "proxy/upstream/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/mem.h"
#include "net/loop.h"

/* Connections that are nothing but what pools know of them. */

enum { CONNECTIONS = 4 };

struct scene {
    struct loop *loop;
    uint64_t now_ms;
    struct endpoint_table table;
    struct endpoint *a, *b;
    struct pooled connections[CONNECTIONS];
    bool is_closed[CONNECTIONS];
};

static struct scene *scene; /* close() gets no more than the connection */

static void connection_close(struct pooled *pooled)
{
    scene->is_closed[pooled - scene->connections] = true;
    pooled_deinit(pooled);
}

/* Connection `index`, from now on in that pool. */
static struct pooled *connection_open(unsigned index, struct pool *pool)
{
    struct pooled *pooled = &scene->connections[index];

    pooled_init(pooled, &scene->table, pool, connection_close);
    scene->is_closed[index] = false;
    return pooled;
}

static void pass_ms(uint64_t ms)
{
    scene->now_ms += ms;
    loop_clock_set_manual(scene->loop, scene->now_ms);
    assert_int_equal(loop_turn(scene->loop, 0), 0);
}

static int setup(void **state)
{
    const struct ip_addr ip = { .bytes = { [10] = 0xFF, 0xFF, 192, 0, 2, 1 } };

    (void)state;
    scene = mem_alloc_zero(sizeof(*scene));
    assert_int_equal(loop_new(&scene->loop), 0);
    scene->now_ms = 1000 * LOOP_TICK_MS;
    loop_clock_set_manual(scene->loop, scene->now_ms);
    endpoint_table_init(&scene->table, scene->loop, NULL, NULL);
    scene->a = endpoint_get(&scene->table, 1, &ip, 80);
    scene->b = endpoint_get(&scene->table, 2, &ip, 81);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    endpoint_table_deinit(&scene->table);
    loop_free(scene->loop);
    mem_free(scene);
    return 0;
}

static size_t pools_len(const struct endpoint *endpoint)
{
    size_t len = 0;

    list_for_each (it, &endpoint->pools)
        len++;
    return len;
}

static void test_what_is_alike_shares_a_pool(void **state)
{
    struct pool *http = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);
    struct pool *const others[] = {
        pool_get(scene->a, ROUTE_PROTOCOL_HTTPS, 1), pool_get(scene->a, ROUTE_PROTOCOL_HTTPS, 2),
        pool_get(scene->a, ROUTE_PROTOCOL_H2, 1),    pool_get(scene->a, ROUTE_PROTOCOL_H2C, 0),
        pool_get(scene->b, ROUTE_PROTOCOL_HTTP, 0),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_ptr_not_equal(others[i], http);
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(others[i], others[j]);
    }
    assert_ptr_equal(pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0), http);
    assert_ptr_equal(pool_get(scene->a, ROUTE_PROTOCOL_HTTPS, 2), others[1]);
    assert_true(protocol_is_tls(others[0]->protocol) && !protocol_is_http2(others[0]->protocol));
    assert_true(protocol_is_tls(others[2]->protocol) && protocol_is_http2(others[2]->protocol));
    assert_true(!protocol_is_tls(others[3]->protocol) && protocol_is_http2(others[3]->protocol));
    assert_true(!protocol_is_tls(http->protocol) && !protocol_is_http2(http->protocol));

    struct pooled *busy = connection_open(0, others[1]);
    assert_int_equal(pools_len(scene->a), 5);
    pools_sweep(scene->a); /* those without a connection are forgotten */
    assert_int_equal(pools_len(scene->a), 1);
    assert_ptr_equal(pool_get(scene->a, ROUTE_PROTOCOL_HTTPS, 2), others[1]);
    pooled_deinit(busy);
}

static void test_the_newest_is_taken_first(void **state)
{
    struct pool *pool = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        pooled_keep(connection_open(i, pool));
    assert_int_equal(pool->connections, 3);
    assert_int_equal(scene->a->connections, 3);
    assert_int_equal(scene->table.idle_len, 3);
    for (unsigned i = 3; i-- > 0;) {
        struct pooled *newest = list_entry(pool->idle.next, struct pooled, in_pool);

        assert_ptr_equal(newest, &scene->connections[i]);
        pooled_take(newest);
        assert_int_equal(scene->table.idle_len, i);
    }
    assert_true(list_is_empty(&pool->idle));
    assert_int_equal(pool->connections, 3); /* busy ones count as well */
    for (unsigned i = 0; i < 3; i++)
        pooled_deinit(&scene->connections[i]);
    assert_int_equal(pool->connections, 0);
    assert_int_equal(scene->a->connections, 0);
}

/* Of all pools there are, and in the order in which they began to wait. */
static void test_who_waited_longest_makes_room(void **state)
{
    struct pool *of_a = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);
    struct pool *of_b = pool_get(scene->b, ROUTE_PROTOCOL_HTTP, 0);

    (void)state;
    scene->table.idle_max = 2;
    pooled_keep(connection_open(0, of_a));
    pooled_keep(connection_open(1, of_b));
    pooled_take(&scene->connections[0]);
    pooled_keep(&scene->connections[0]); /* now it is the second one that waits longer */
    assert_false(scene->is_closed[0] || scene->is_closed[1]);
    pooled_keep(connection_open(2, of_a));
    assert_true(scene->is_closed[1]);
    assert_false(scene->is_closed[0] || scene->is_closed[2]);
    assert_int_equal(scene->table.idle_len, 2);
    assert_int_equal(of_b->connections, 0);
}

static void test_idleness_has_an_end(void **state)
{
    struct pool *pool = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);
    uint64_t idle_ms = scene->table.idle_timeout_ms = 100 * LOOP_TICK_MS;

    (void)state;
    pooled_keep(connection_open(0, pool));
    pooled_keep(connection_open(1, pool));
    pass_ms(idle_ms - LOOP_TICK_MS);
    pooled_take(&scene->connections[1]);
    pass_ms(LOOP_TICK_MS);
    assert_true(scene->is_closed[0]);
    assert_false(scene->is_closed[1]); /* it is busy */
    pooled_keep(&scene->connections[1]);
    pass_ms(idle_ms - LOOP_TICK_MS);
    assert_false(scene->is_closed[1]); /* the time is counted anew */
    pass_ms(LOOP_TICK_MS);
    assert_true(scene->is_closed[1]);
    assert_int_equal(scene->table.idle_len, 0);
}

static void test_service_has_an_end(void **state)
{
    struct pool *pool = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);
    struct pooled *pooled = connection_open(0, pool);

    (void)state;
    scene->table.requests_max = 3;
    scene->table.age_max_ms = 1000;
    pooled->requests = 2;
    pass_ms(999);
    assert_true(pooled_may_go_on(pooled));
    pooled->requests = 3;
    assert_false(pooled_may_go_on(pooled));
    pooled->requests = 2;
    pass_ms(1);
    assert_false(pooled_may_go_on(pooled));
    scene->table.age_max_ms = 2000;
    assert_true(pooled_may_go_on(pooled));
    scene->table.idle_max = 0; /* none is kept at all */
    assert_false(pooled_may_go_on(pooled));
    pooled_deinit(pooled);
}

static void test_only_idle_ones_are_closed(void **state)
{
    struct pool *pool = pool_get(scene->a, ROUTE_PROTOCOL_HTTP, 0);
    struct pool *other = pool_get(scene->a, ROUTE_PROTOCOL_HTTPS, 1);

    (void)state;
    pooled_keep(connection_open(0, pool));
    pooled_keep(connection_open(1, pool));
    connection_open(2, pool);
    pooled_keep(connection_open(3, other));
    pool_close_idle(pool);
    assert_true(scene->is_closed[0] && scene->is_closed[1]);
    assert_false(scene->is_closed[2] || scene->is_closed[3]);
    assert_int_equal(pool->connections, 1);
    endpoint_avoid(&scene->table, scene->a, 1000); /* of all its pools */
    assert_true(scene->is_closed[3]);
    assert_false(scene->is_closed[2]);
    pooled_deinit(&scene->connections[2]);
}

#define CASE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(test_what_is_alike_shares_a_pool),
        CASE(test_the_newest_is_taken_first),
        CASE(test_who_waited_longest_makes_room),
        CASE(test_idleness_has_an_end),
        CASE(test_service_has_an_end),
        CASE(test_only_idle_ones_are_closed),
    };

    return cmocka_run_group_tests_name("proxy/pool", tests, NULL, NULL);
}
