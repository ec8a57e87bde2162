#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/address.h"
#include "base/mem.h"
#include "own_address.h"
#include "supervisor/bind.h"
#include "supervisor/state.h"

/* A supervisor whose children are the far ends of their channels: what it tells them is read here. */

enum { WORKERS = 2 };

struct rig {
    struct supervisor supervisor;
    struct supervisor_options options;
    int workers[WORKERS], controller;  /* far ends */
    uint16_t free[2 * PROC_PORTS_MAX]; /* ports that nobody has */
};

static void channel_open(struct child *child, enum proc_role role, uint32_t index, int *ret_far)
{
    int pair[2];

    assert_int_equal(proc_channel_pair(pair), 0);
    *child = (struct child){ .role = role, .index = index, .channel = pair[0] };
    *ret_far = pair[1];
}

/* Ports that nobody has at all addresses at once, either. */
static void ports_choose(struct rig *rig)
{
    struct bind_port port = { PROC_TCP, own_ip(), OWN_PORTS_FROM };
    size_t chosen = 0;
    int fd;

    for (; chosen < ARRAY_LEN(rig->free) && port.number < OWN_PORTS_UNTIL; port.number++) {
        if (bind_open(&port, 1, &fd) < 0)
            continue;
        close(fd);
        rig->free[chosen++] = port.number;
    }
    assert_int_equal(chosen, ARRAY_LEN(rig->free));
}

static int setup(void **state)
{
    struct rig *rig = mem_alloc_zero(sizeof(*rig));

    rig->options.workers = WORKERS;
    rig->options.address = own_ip();
    rig->supervisor.options = &rig->options;
    rollout_init(&rig->supervisor.rollout, WORKERS);
    drain_init(&rig->supervisor.drain);
    for (uint32_t i = 0; i < WORKERS; i++)
        channel_open(&rig->supervisor.workers[i], PROC_WORKER, i, &rig->workers[i]);
    channel_open(&rig->supervisor.controller, PROC_CONTROLLER, 0, &rig->controller);
    ports_choose(rig);
    *state = rig;
    return 0;
}

static int teardown(void **state)
{
    struct rig *rig = *state;

    ports_close(&rig->supervisor.ports);
    images_deinit(&rig->supervisor.images);
    for (uint32_t i = 0; i < WORKERS; i++) {
        close(rig->workers[i]);
        close(rig->supervisor.workers[i].channel);
    }
    close(rig->controller);
    close(rig->supervisor.controller.channel);
    mem_free(rig);
    return 0;
}

/* An image that names `len` ports, from rig->free[first] on. */
static void image_add(struct rig *rig, uint64_t generation, size_t first, uint32_t len)
{
    struct proc_message image = { .kind = PROC_PUBLISH,
                                  .generation = generation,
                                  .ports_len = len };

    for (uint32_t i = 0; i < len; i++)
        image.ports[i] = (struct proc_port){ PROC_TCP, rig->free[first + i] };
    images_take(&rig->supervisor.images, &image);
}

static void follow(struct rig *rig, uint64_t good, uint64_t rolling)
{
    rig->supervisor.rollout.good = good;
    rig->supervisor.rollout.rolling = rolling;
    ports_follow(&rig->supervisor);
}

/* How many ports a worker is told of by messages of `kind`, until nothing else waits. */
static uint32_t told(int far, enum proc_message_kind kind)
{
    struct proc_message message;
    uint32_t count = 0;

    while (proc_channel_receive(far, &message) == 0) {
        assert_int_equal(message.kind, kind);
        assert_int_equal(message.fds_len, kind == PROC_LISTEN ? message.ports_len : 0);
        count += message.ports_len;
        proc_message_close_fds(&message);
    }
    return count;
}

static void assert_told(struct rig *rig, enum proc_message_kind kind, uint32_t ports)
{
    for (uint32_t i = 0; i < WORKERS; i++)
        assert_int_equal(told(rig->workers[i], kind), ports);
}

static bool takes_connections(uint16_t port)
{
    const struct ip_addr ip = own_ip();
    union address address;
    socklen_t len = address_fill(&address, &ip, port);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_open = connect(fd, &address.any, len) == 0;

    close(fd);
    return is_open;
}

static void test_ports_follow_images(void **state)
{
    struct rig *rig = *state;

    image_add(rig, 1, 0, 2);
    follow(rig, 0, 1); /* before any worker has it */
    assert_told(rig, PROC_LISTEN, 2);
    assert_true(takes_connections(rig->free[0]) && takes_connections(rig->free[1]));
    follow(rig, 1, 0);
    assert_told(rig, PROC_LISTEN, 0); /* nothing new */

    image_add(rig, 2, 1, 2); /* the first goes, a third comes */
    follow(rig, 1, 2);
    assert_told(rig, PROC_LISTEN, 1);
    assert_true(takes_connections(rig->free[0])); /* until all have taken the new image */
    follow(rig, 2, 0);
    assert_told(rig, PROC_UNLISTEN, 1);
    assert_false(takes_connections(rig->free[0]));
    assert_true(takes_connections(rig->free[1]) && takes_connections(rig->free[2]));
}

static void test_roll_back_keeps_what_was_good(void **state)
{
    struct rig *rig = *state;

    image_add(rig, 1, 0, 1);
    image_add(rig, 2, 1, 1);
    follow(rig, 0, 1);
    follow(rig, 1, 2);
    assert_told(rig, PROC_LISTEN, 2);
    follow(rig, 1, 0); /* the second was rejected */
    assert_told(rig, PROC_UNLISTEN, 1);
    assert_true(takes_connections(rig->free[0]));
    assert_false(takes_connections(rig->free[1]));
}

static void test_new_worker_gets_all_in_as_many_messages_as_it_takes(void **state)
{
    struct rig *rig = *state;

    image_add(rig, 1, 0, PROC_PORTS_MAX);
    follow(rig, 0, 1);
    assert_told(rig, PROC_LISTEN, PROC_PORTS_MAX);
    ports_tell_worker(&rig->supervisor, &rig->supervisor.workers[1]);
    assert_int_equal(told(rig->workers[0], PROC_LISTEN), 0);
    assert_int_equal(told(rig->workers[1], PROC_LISTEN), PROC_PORTS_MAX);
}

/* All ports that there can be come and go while nobody reads. */
static void test_many_ports_change_at_once(void **state)
{
    struct rig *rig = *state;
    struct proc_message message;

    image_add(rig, 1, 0, PROC_PORTS_MAX);
    image_add(rig, 2, PROC_PORTS_MAX, PROC_PORTS_MAX);
    follow(rig, 0, 1);
    follow(rig, 1, 2);
    assert_told(rig, PROC_LISTEN, 2 * PROC_PORTS_MAX);
    follow(rig, 2, 0);
    follow(rig, 0, 0);
    for (uint32_t i = 0; i < WORKERS; i++) {
        assert_int_equal(proc_channel_receive(rig->workers[i], &message), 0);
        assert_int_equal(message.kind, PROC_UNLISTEN);
        assert_in_range(message.ports_len, 100, PROC_PORTS_MAX);
        assert_int_equal(told(rig->workers[i], PROC_UNLISTEN),
                         2 * PROC_PORTS_MAX - message.ports_len);
        assert_true(rig->supervisor.workers[i].channel >= 0); /* not killed */
    }
}

static void test_many_failures_at_once(void **state)
{
    enum { LASTING_MS = 2 * PORTS_TELL_AFTER_MS };
    struct rig *rig = *state;
    struct ports *ports = &rig->supervisor.ports;
    int squatters[PROC_PORTS_MAX];
    struct proc_message message;
    uint32_t heard = 0;

    for (size_t i = 0; i < PROC_PORTS_MAX; i++) {
        struct bind_port port = { PROC_TCP, rig->options.address, rig->free[i] };
        assert_int_equal(bind_open(&port, 1, &squatters[i]), 0);
    }
    image_add(rig, 1, 0, PROC_PORTS_MAX);
    follow(rig, 0, 1);
    for (uint32_t i = 0; i < ports->len; i++) { /* as if it had been so for long */
        ports->items[i].failing_since_ms = now_ms() - LASTING_MS;
        ports->items[i].retry_at_ms = 0;
    }
    ports_on_time(&rig->supervisor);
    ports_tell_controller(&rig->supervisor);
    follow(rig, 0, 0);
    for (unsigned told = 0; told < 3; told++) {
        for (heard = 0; heard < PROC_PORTS_MAX; heard += message.ports_len) {
            assert_int_equal(proc_channel_receive(rig->controller, &message), 0);
            assert_int_equal(message.kind, PROC_PORT);
            assert_int_equal(message.result, told < 2 ? -EADDRINUSE : 0);
            assert_in_range(message.ports_len, 100, PROC_PORTS_MAX);
        }
        assert_int_equal(heard, PROC_PORTS_MAX);
    }
    assert_int_equal(proc_channel_receive(rig->controller, &message), -EAGAIN);
    assert_true(rig->supervisor.controller.channel >= 0);
    for (size_t i = 0; i < PROC_PORTS_MAX; i++)
        close(squatters[i]);
}

static int controller_heard(struct rig *rig, struct proc_message *ret_message)
{
    return proc_channel_receive(rig->controller, ret_message);
}

/* A clock cannot be turned: what it was, and what it is to be, can. */
static void times_turn(struct ports *ports, uint64_t ms)
{
    for (uint32_t i = 0; i < ports->len; i++) {
        ports->items[i].failing_since_ms -= ms;
        if (ports->items[i].retry_at_ms != UINT64_MAX)
            ports->items[i].retry_at_ms -= ms;
    }
}

/* Tries again, as often as is due within that time. */
static void time_pass(struct rig *rig, uint64_t ms)
{
    struct ports *ports = &rig->supervisor.ports;

    for (;;) {
        uint64_t now = now_ms(), next = MAX(ports_deadline_ms(ports), now);
        if (next - now > ms)
            return;
        ms -= next - now;
        times_turn(ports, next - now);
        ports_on_time(&rig->supervisor);
    }
}

static void test_taken_port_is_told_and_tried_again(void **state)
{
    struct rig *rig = *state;
    struct bind_port port = { PROC_TCP, rig->options.address, rig->free[0] };
    struct proc_message message;
    int squatter;

    assert_int_equal(bind_open(&port, 1, &squatter), 0);
    image_add(rig, 1, 0, 2);
    follow(rig, 0, 1);
    assert_told(rig, PROC_LISTEN, 1); /* the other one harms it not */
    assert_int_equal(controller_heard(rig, &message), -EAGAIN);
    time_pass(rig, PORTS_TELL_AFTER_MS + 2 * PORTS_RETRY_SOON_MS);
    assert_int_equal(controller_heard(rig, &message), 0);
    assert_int_equal(message.kind, PROC_PORT);
    assert_int_equal(message.result, -EADDRINUSE);
    assert_int_equal(message.ports[0].number, rig->free[0]);
    assert_int_equal(controller_heard(rig, &message), -EAGAIN); /* once */

    ports_tell_controller(&rig->supervisor); /* a new one */
    assert_int_equal(controller_heard(rig, &message), 0);
    assert_int_equal(message.result, -EADDRINUSE);

    close(squatter);
    rig->supervisor.ports.items[0].retry_at_ms = 0; /* its time has come */
    ports_on_time(&rig->supervisor);
    assert_told(rig, PROC_LISTEN, 1);
    assert_int_equal(controller_heard(rig, &message), 0);
    assert_int_equal(message.result, 0);
    assert_true(takes_connections(rig->free[0]));
}

/* Whoever held it for a moment only is nobody's concern. */
static void test_short_failure_is_not_told(void **state)
{
    struct rig *rig = *state;
    struct bind_port port = { PROC_TCP, rig->options.address, rig->free[0] };
    struct proc_message message;
    int squatter;

    assert_int_equal(bind_open(&port, 1, &squatter), 0);
    image_add(rig, 1, 0, 1);
    follow(rig, 0, 1);
    assert_told(rig, PROC_LISTEN, 0);
    close(squatter);
    time_pass(rig, 2 * PORTS_RETRY_SOON_MS);
    assert_told(rig, PROC_LISTEN, 1);
    assert_int_equal(controller_heard(rig, &message), -EAGAIN);
}

static void test_failure_ends_with_the_wish(void **state)
{
    struct rig *rig = *state;
    struct bind_port port = { PROC_TCP, rig->options.address, rig->free[0] };
    struct proc_message message;
    int squatter;

    assert_int_equal(bind_open(&port, 1, &squatter), 0);
    image_add(rig, 1, 0, 1);
    image_add(rig, 2, 1, 0);
    follow(rig, 0, 1);
    time_pass(rig, PORTS_TELL_AFTER_MS + 2 * PORTS_RETRY_SOON_MS);
    assert_int_equal(controller_heard(rig, &message), 0);
    follow(rig, 2, 0);
    assert_int_equal(controller_heard(rig, &message), 0);
    assert_int_equal(message.result, 0);
    assert_told(rig, PROC_UNLISTEN, 0); /* they never had it */
    assert_int_equal(ports_deadline_ms(&rig->supervisor.ports), UINT64_MAX);
    close(squatter);
}

/* Sockets for all ports of two images, once for each worker and once more on their way. */
static void descriptors_allow(void)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

int main(void)
{
    descriptors_allow();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_ports_follow_images, setup, teardown),
        cmocka_unit_test_setup_teardown(test_roll_back_keeps_what_was_good, setup, teardown),
        cmocka_unit_test_setup_teardown(test_new_worker_gets_all_in_as_many_messages_as_it_takes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_ports_change_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_many_failures_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_port_is_told_and_tried_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_short_failure_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_failure_ends_with_the_wish, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
