#include "net/loop.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/mem.h"

/* Two ends of a socket pair, both watched. */
struct pair {
    struct loop *loop;
    struct side {
        struct loop_watch watch;
        struct pair *pair;
        uint32_t seen; /* events, or-ed */
        unsigned calls;
    } sides[2];
    void (*then)(struct side *side);
};

static void side_on_events(struct loop_watch *watch, uint32_t events)
{
    struct side *side = container_of(watch, struct side, watch);

    side->seen |= events;
    side->calls++;
    if (side->pair->then)
        side->pair->then(side);
}

static void pair_init(struct pair *pair, bool level)
{
    int fds[2];

    *pair = (struct pair){ 0 };
    assert_int_equal(loop_new(&pair->loop), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    for (unsigned i = 0; i < 2; i++) {
        struct side *side = &pair->sides[i];
        side->pair = pair;
        side->watch = (struct loop_watch){ -1, 0, side_on_events };
        int r = level ? loop_watch_add_level(pair->loop, &side->watch, fds[i], LOOP_READ | LOOP_END)
                      : loop_watch_add(pair->loop, &side->watch, fds[i], LOOP_READ | LOOP_END);
        assert_int_equal(r, 0);
    }
}

static void side_close(struct side *side)
{
    int fd = side->watch.fd;

    if (fd < 0)
        return;
    loop_watch_forget(side->pair->loop, &side->watch);
    close(fd);
}

static void pair_deinit(struct pair *pair)
{
    side_close(&pair->sides[0]);
    side_close(&pair->sides[1]);
    loop_free(pair->loop);
}

static void turn(struct loop *loop)
{
    assert_int_equal(loop_turn(loop, 0), 0);
}

static void test_edges_come_once(void **state)
{
    (void)state;
    struct pair pair;

    pair_init(&pair, false);
    assert_int_equal(write(pair.sides[0].watch.fd, "a", 1), 1);
    turn(pair.loop);
    turn(pair.loop);
    assert_int_equal(pair.sides[1].calls, 1);
    assert_int_equal(pair.sides[1].seen, LOOP_READ);
    assert_int_equal(write(pair.sides[0].watch.fd, "b", 1), 1); /* unread bytes or not */
    turn(pair.loop);
    assert_int_equal(pair.sides[1].calls, 2);
    side_close(&pair.sides[0]);
    turn(pair.loop);
    assert_true(pair.sides[1].seen & LOOP_END);
    pair_deinit(&pair);
}

static void test_levels_come_again(void **state)
{
    (void)state;
    struct pair pair;

    pair_init(&pair, true);
    assert_int_equal(write(pair.sides[0].watch.fd, "a", 1), 1);
    turn(pair.loop);
    turn(pair.loop);
    assert_int_equal(pair.sides[1].calls, 2);
    assert_int_equal(loop_watch_change_level(pair.loop, &pair.sides[1].watch, LOOP_WRITE), 0);
    turn(pair.loop);
    assert_true(pair.sides[1].seen & LOOP_WRITE);
    loop_watch_remove(pair.loop, &pair.sides[0].watch);
    loop_watch_remove(pair.loop, &pair.sides[0].watch); /* twice is fine */
    pair.sides[1].calls = 0;
    turn(pair.loop);
    assert_int_equal(pair.sides[1].calls, 1);
    pair_deinit(&pair);
}

static void close_both(struct side *side)
{
    side_close(&side->pair->sides[0]);
    side_close(&side->pair->sides[1]);
}

static void test_closing_what_the_same_turn_would_call(void **state)
{
    (void)state;
    struct pair pair;

    pair_init(&pair, false);
    pair.then = close_both;
    assert_int_equal(write(pair.sides[0].watch.fd, "a", 1), 1);
    assert_int_equal(write(pair.sides[1].watch.fd, "a", 1), 1);
    turn(pair.loop);
    assert_int_equal(pair.sides[0].calls + pair.sides[1].calls, 1);
    pair_deinit(&pair);
}

struct queue {
    struct loop *loop;
    struct loop_task task, other;
    unsigned runs, other_runs;
    unsigned again; /* times that it queues itself */
    unsigned reads_seen;
    struct pair *pair;
};

static void queue_run(struct loop_task *task)
{
    struct queue *queue = container_of(task, struct queue, task);

    queue->runs++;
    if (queue->again > 0) {
        queue->again--;
        loop_task_queue(queue->loop, task);
    }
    if (queue->pair && queue->runs == 10)
        queue->reads_seen = queue->pair->sides[1].calls;
}

static void other_run(struct loop_task *task)
{
    container_of(task, struct queue, other)->other_runs++;
}

static void test_task_runs_once_per_queueing(void **state)
{
    (void)state;
    struct queue queue = { 0 };

    assert_int_equal(loop_new(&queue.loop), 0);
    loop_task_init(&queue.task, queue_run);
    loop_task_init(&queue.other, other_run);
    loop_task_queue(queue.loop, &queue.task);
    loop_task_queue(queue.loop, &queue.task);
    loop_task_queue(queue.loop, &queue.other);
    loop_task_cancel(&queue.other);
    turn(queue.loop);
    turn(queue.loop);
    assert_int_equal(queue.runs, 1);
    assert_int_equal(queue.other_runs, 0);
    loop_free(queue.loop);
}

static void test_busy_task_lets_descriptors_have_their_turn(void **state)
{
    (void)state;
    struct pair pair;
    pair_init(&pair, false);
    struct queue queue = { .loop = pair.loop, .again = 21, .pair = &pair };

    loop_task_init(&queue.task, queue_run);
    loop_task_queue(pair.loop, &queue.task);
    assert_int_equal(write(pair.sides[0].watch.fd, "a", 1), 1);
    while (queue.runs < 22)
        assert_int_equal(loop_turn(pair.loop, 60000), 0); /* does not sleep while work waits */
    assert_int_equal(queue.reads_seen, 1);
    pair_deinit(&pair);
}

struct parked {
    struct side *side;
    struct loop *loop;
    unsigned value;
};

static struct parked *parked;

static void free_and_look(struct side *side)
{
    if (parked->loop) {
        loop_defer_free(side->pair->loop, parked);
        parked->loop = NULL;
    }
    parked->value++; /* still there for all callbacks of this turn */
}

static void test_deferred_memory_lives_until_the_turn_ends(void **state)
{
    (void)state;
    struct pair pair;

    pair_init(&pair, false);
    parked = mem_alloc_zero(sizeof(*parked));
    parked->loop = pair.loop;
    pair.then = free_and_look;
    assert_int_equal(write(pair.sides[0].watch.fd, "a", 1), 1);
    assert_int_equal(write(pair.sides[1].watch.fd, "a", 1), 1);
    turn(pair.loop);
    assert_int_equal(pair.sides[0].calls + pair.sides[1].calls, 2);
    loop_defer_free(pair.loop, NULL);
    loop_defer_free(pair.loop, mem_alloc(1)); /* freed with the loop */
    pair_deinit(&pair);
}

static void test_bad_descriptor(void **state)
{
    (void)state;
    struct loop_watch watch = { -1, 0, side_on_events };
    struct loop *loop;

    assert_int_equal(loop_new(&loop), 0);
    assert_int_equal(loop_watch_add(loop, &watch, -1, LOOP_READ), -EBADF);
    assert_int_equal(watch.fd, -1);
    loop_watch_remove(loop, &watch);
    assert_null(loop_free(loop));
    assert_null(loop_free(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_edges_come_once),
        cmocka_unit_test(test_levels_come_again),
        cmocka_unit_test(test_closing_what_the_same_turn_would_call),
        cmocka_unit_test(test_task_runs_once_per_queueing),
        cmocka_unit_test(test_busy_task_lets_descriptors_have_their_turn),
        cmocka_unit_test(test_deferred_memory_lives_until_the_turn_ends),
        cmocka_unit_test(test_bad_descriptor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
