#include "proxy/upstream/h1_upstream.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/socket.h"
#include "proxy/limits.h"

static const struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

static struct stats_page stats;

struct fixture {
    struct loop *loop;
    struct iobuf_pool buffers;
    struct endpoint_table table;
    struct endpoint *endpoint;
    struct pool *pool;
    int listener;
    uint64_t now_ms;
};

static void on_ready(void *owner)
{
    (void)owner;
}

static void fixture_init(struct fixture *f)
{
    uint16_t port;

    *f = (struct fixture){ .now_ms = 8000 };
    assert_int_equal(loop_new(&f->loop), 0);
    loop_clock_set_manual(f->loop, f->now_ms);
    f->listener = socket_listen_tcp(&loopback, 0, 16);
    assert_true(f->listener >= 0);
    assert_int_equal(socket_local_port(f->listener, &port), 0);
    endpoint_table_init(&f->table, f->loop, &f->buffers, &stats);
    f->endpoint = endpoint_get(&f->table, 7, &loopback, port);
    f->pool = pool_get(f->endpoint, ROUTE_PROTOCOL_HTTP, 0);
    assert_ptr_equal(pool_get(f->endpoint, ROUTE_PROTOCOL_HTTP, 0), f->pool);
}

static void fixture_deinit(struct fixture *f)
{
    endpoint_table_deinit(&f->table);
    loop_free(f->loop);
    iobuf_pool_deinit(&f->buffers);
    close(f->listener);
}

static void turn(struct fixture *f, uint64_t ms)
{
    f->now_ms += ms;
    loop_clock_set_manual(f->loop, f->now_ms);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(loop_turn(f->loop, 0), 0);
}

/* A connection in use; *ret_far is its other end. */
static struct upstream *connection(struct fixture *f, int *ret_far)
{
    struct upstream *upstream = NULL;
    struct net_peer peer;

    assert_int_equal(h1_upstream_connect(&f->table, f->pool, NULL, &upstream), 0);
    upstream_own(upstream, f, on_ready);
    turn(f, 0);
    assert_int_equal(upstream->ops->connect(upstream), 0);
    *ret_far = socket_accept(f->listener, &peer);
    assert_true(*ret_far >= 0);
    return upstream;
}

static void test_last_in_first_out(void **state)
{
    (void)state;
    struct fixture f;
    struct upstream *upstreams[3];
    int far[3];

    fixture_init(&f);
    assert_ptr_equal(endpoint_get(&f.table, 7, &loopback, 1), f.endpoint);
    for (unsigned i = 0; i < 3; i++)
        upstreams[i] = connection(&f, &far[i]);
    for (unsigned i = 0; i < 3; i++)
        upstream_release(upstreams[i], true);
    assert_int_equal(f.table.idle_len, 3);
    for (unsigned i = 3; i-- > 0;) {
        struct upstream *again = h1_upstream_reuse(f.pool, true);
        assert_ptr_equal(again, upstreams[i]);
        assert_true(again->was_reused);
    }
    assert_null(h1_upstream_reuse(f.pool, false));
    for (unsigned i = 0; i < 3; i++) {
        upstream_release(upstreams[i], false);
        close(far[i]);
    }
    assert_int_equal(f.endpoint->connections, 0);
    fixture_deinit(&f);
}

static void test_idle_limits(void **state)
{
    (void)state;
    struct fixture f;
    struct upstream *upstreams[3];
    int far[3];
    char byte;

    fixture_init(&f);
    f.table.idle_max = 2;
    f.table.idle_timeout_ms = 1600;
    for (unsigned i = 0; i < 3; i++)
        upstreams[i] = connection(&f, &far[i]);
    for (unsigned i = 0; i < 3; i++) {
        upstream_release(upstreams[i], true);
        turn(&f, 80);
    }
    assert_int_equal(f.table.idle_len, 2);
    assert_int_equal(recv(far[0], &byte, 1, 0), 0); /* the one that waited longest */
    turn(&f, 1600 - 160);
    assert_int_equal(f.table.idle_len, 1);
    assert_int_equal(recv(far[1], &byte, 1, 0), 0);
    turn(&f, 80);
    assert_int_equal(f.table.idle_len, 0);
    f.table.idle_max = 0;
    upstreams[0] = connection(&f, &far[0]);
    upstream_release(upstreams[0], true); /* none are kept */
    assert_int_equal(f.table.idle_len, 0);
    for (unsigned i = 0; i < 3; i++)
        close(far[i]);
    fixture_deinit(&f);
}

static void test_closed_and_talking_ones_are_not_reused(void **state)
{
    (void)state;
    struct fixture f;
    struct upstream *upstreams[3];
    int far[3];

    fixture_init(&f);
    for (unsigned i = 0; i < 3; i++)
        upstreams[i] = connection(&f, &far[i]);
    for (unsigned i = 0; i < 3; i++)
        upstream_release(upstreams[i], true);
    close(far[2]);                                           /* the loop was not told yet */
    assert_int_equal(send(far[1], "x", 1, MSG_NOSIGNAL), 1); /* nor of this */
    assert_ptr_equal(h1_upstream_reuse(f.pool, true), upstreams[0]);
    upstream_release(upstreams[0], true);
    assert_int_equal(send(far[0], "x", 1, MSG_NOSIGNAL), 1);
    turn(&f, 0);
    assert_int_equal(f.table.idle_len, 0);
    assert_int_equal(f.endpoint->connections, 0);
    close(far[0]);
    close(far[1]);
    fixture_deinit(&f);
}

static void test_avoided_for_a_time_and_then_asked_once(void **state)
{
    (void)state;
    struct fixture f;
    int far;

    fixture_init(&f);
    struct upstream *upstream = connection(&f, &far);
    upstream_release(upstream, true);
    assert_false(endpoint_is_avoided(&f.table, 7));
    endpoint_avoid(&f.table, f.endpoint, 800);
    assert_int_equal(f.table.idle_len, 0); /* what is kept leads nowhere */
    assert_true(endpoint_is_avoided(&f.table, 7));
    assert_false(endpoint_is_avoided(&f.table, 8));
    turn(&f, 792);
    assert_true(endpoint_is_avoided(&f.table, 7));
    turn(&f, 8);
    assert_false(
        endpoint_is_avoided(&f.table, 7)); /* who asked looks; others wait for what it finds */
    assert_true(endpoint_is_avoided(&f.table, 7));
    endpoint_trust(&f.table, f.endpoint);
    endpoint_trust(&f.table, f.endpoint);
    assert_int_equal(f.table.avoided_len, 0);
    assert_false(endpoint_is_avoided(&f.table, 7));
    close(far);
    fixture_deinit(&f);
}

/* Whose fault it is decides for how long nobody asks. */
static void test_failures_are_blamed_on_whose_they_are(void **state)
{
    static const struct {
        int error;
        uint64_t avoid_ms;
    } cases[] = {
        { -ECONNREFUSED, PROXY_AVOID_REFUSING_MS },
        { -ETIMEDOUT, PROXY_AVOID_UNREACHABLE_MS },
        { -EHOSTUNREACH, PROXY_AVOID_UNREACHABLE_MS },
        { -ENETUNREACH, PROXY_AVOID_UNREACHABLE_MS },
        { -EPROTO, 0 },
        { -EMFILE, 0 },
        { -ENFILE, 0 },
        { -ENOBUFS, 0 },
        { -EADDRNOTAVAIL, 0 },
    };
    struct fixture f;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t before = stats_get(&stats.upstream_connect_failures);

        endpoint_failed(&f.table, f.endpoint, cases[i].error);
        assert_int_equal(stats_get(&stats.upstream_connect_failures), before + 1);
        assert_int_equal(f.endpoint->avoid_until_ms,
                         cases[i].avoid_ms ? f.now_ms + cases[i].avoid_ms : 0);
        endpoint_trust(&f.table, f.endpoint);
    }
    fixture_deinit(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_last_in_first_out),
        cmocka_unit_test(test_idle_limits),
        cmocka_unit_test(test_closed_and_talking_ones_are_not_reused),
        cmocka_unit_test(test_avoided_for_a_time_and_then_asked_once),
        cmocka_unit_test(test_failures_are_blamed_on_whose_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
