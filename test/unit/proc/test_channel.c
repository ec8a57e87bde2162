#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scope.h"
#include "proc/channel.h"
#include "proc/inherit.h"

enum { FDS_LOOKED_AT = 1024 };

static int open_fds_count(void)
{
    int count = 0;

    for (int fd = 0; fd < FDS_LOOKED_AT; fd++)
        count += fcntl(fd, F_GETFD) != -1;
    return count;
}

struct pair {
    int a, b;
};

static int pair_setup(void **state)
{
    static struct pair pair;
    int fds[2];

    if (proc_channel_pair(fds) < 0)
        return -1;
    pair = (struct pair){ fds[0], fds[1] };
    *state = &pair;
    return 0;
}

static int pair_teardown(void **state)
{
    struct pair *pair = *state;

    if (pair->a >= 0)
        close(pair->a);
    if (pair->b >= 0)
        close(pair->b);
    return 0;
}

static void test_message_arrives_as_sent(void **state)
{
    struct pair *pair = *state;
    struct proc_message sent = {
        .kind = PROC_REJECTED, .result = -7, .generation = UINT64_MAX - 1, .time_ms = 1234
    };
    struct proc_message got;

    assert_int_equal(proc_channel_send(pair->a, &sent), 0);
    assert_int_equal(proc_channel_receive(pair->b, &got), 0);
    assert_int_equal(got.kind, sent.kind);
    assert_int_equal(got.result, sent.result);
    assert_true(got.generation == sent.generation);
    assert_int_equal(got.time_ms, sent.time_ms);
    assert_int_equal(got.fds_len, 0);
    assert_int_equal(proc_channel_receive(pair->b, &got), -EAGAIN);
}

static void test_most_descriptors_arrive_in_order_and_close_on_exec(void **state)
{
    struct pair *pair = *state;
    struct proc_message sent = { .kind = PROC_PUBLISH, .fds_len = PROC_FDS_MAX };
    struct proc_message got;
    int pipe_fds[PROC_FDS_MAX][2];

    for (int i = 0; i < PROC_FDS_MAX; i++) {
        assert_int_equal(pipe2(pipe_fds[i], O_CLOEXEC), 0);
        sent.fds[i] = pipe_fds[i][1];
    }
    assert_int_equal(proc_channel_send(pair->a, &sent), 0);
    assert_int_equal(proc_channel_receive(pair->b, &got), 0);
    assert_int_equal(got.fds_len, PROC_FDS_MAX);
    for (int i = 0; i < PROC_FDS_MAX; i++) {
        unsigned char byte = (unsigned char)i, read_back = 0;

        assert_int_equal(fcntl(got.fds[i], F_GETFD), FD_CLOEXEC);
        assert_int_equal(write(got.fds[i], &byte, 1), 1);
        assert_int_equal(read(pipe_fds[i][0], &read_back, 1), 1);
        assert_int_equal(read_back, byte);
        close(pipe_fds[i][0]);
        close(pipe_fds[i][1]);
    }
    proc_message_close_fds(&got);
    assert_int_equal(got.fds_len, 0);
}

/* Sends what proc_channel_send() never would. */
static void raw_send(int channel, const void *bytes, size_t len, int fds_len)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(256 * sizeof(int))];
    } control = { 0 };
    struct iovec body = { (void *)bytes, len };
    struct msghdr packet = { .msg_iov = &body, .msg_iovlen = 1 };

    if (fds_len > 0) {
        int fds[256];

        for (int i = 0; i < fds_len; i++)
            fds[i] = STDERR_FILENO;
        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE((size_t)fds_len * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN((size_t)fds_len * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, (size_t)fds_len * sizeof(int));
    }
    assert_int_equal(sendmsg(channel, &packet, MSG_NOSIGNAL), (ssize_t)len);
}

struct raw_message {
    uint32_t kind;
    int32_t result;
    uint64_t generation;
    uint32_t time_ms;
    uint16_t fds_len, ports_len;
    struct proc_port ports[2];
};
static_assert(sizeof(struct raw_message) == 32, "as it goes over the wire");

static const struct {
    const char *what;
    uint32_t kind;
    uint16_t fds_claimed;
    int fds_sent;
    size_t len;
    int expected;
} packets[] = {
    { "sound", PROC_TAKEN, 0, 0, 24, 0 },
    { "one byte short", PROC_TAKEN, 0, 0, 23, -EPROTO },
    { "one byte", PROC_TAKEN, 0, 0, 1, -EPROTO },
    { "longer than a message", PROC_TAKEN, 0, 0, 64, -EPROTO },
    { "longer, with descriptors", PROC_PUBLISH, 3, 3, 64, -EPROTO },
    { "kind 0", 0, 0, 0, 24, -EPROTO },
    { "kind unknown", PROC_PORT + 1, 0, 0, 24, -EPROTO },
    { "kind unknown, with descriptors", 99, 2, 2, 24, -EPROTO },
    { "hello without its body", PROC_HELLO, 0, 0, 24, -EPROTO },
    { "fewer descriptors than claimed", PROC_PUBLISH, 3, 2, 24, -EPROTO },
    { "more descriptors than claimed", PROC_READY, 0, 5, 24, -EPROTO },
    { "one descriptor too many", PROC_PUBLISH, PROC_FDS_MAX + 1, PROC_FDS_MAX + 1, 24, -EPROTO },
    { "one too many, claimed as the most", PROC_PUBLISH, PROC_FDS_MAX, PROC_FDS_MAX + 1, 24,
      -EPROTO },
    { "far too many descriptors", PROC_PUBLISH, 240, 240, 24, -EPROTO },
    { "nothing", PROC_TAKEN, 0, 0, 0, -EPIPE },
    { "nothing, with descriptors", PROC_TAKEN, 0, 4, 0, -EPIPE },
};

static void test_receive_refuses_foreign_packets_and_keeps_nothing(void **state)
{
    struct pair *pair = *state;

    for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
        char bytes[64] = { 0 };
        struct raw_message raw = { .kind = packets[i].kind, .fds_len = packets[i].fds_claimed };
        struct proc_message got = { .kind = 4711 };
        int open_before = open_fds_count();

        print_message("%s\n", packets[i].what);
        memcpy(bytes, &raw, sizeof(raw));
        raw_send(pair->a, bytes, packets[i].len, packets[i].fds_sent);
        assert_int_equal(proc_channel_receive(pair->b, &got), packets[i].expected);
        if (packets[i].expected < 0)
            assert_int_equal(got.kind, 4711);
        assert_int_equal(open_fds_count(), open_before);
    }
}

static const struct {
    const char *what;
    struct proc_port ports[2];
    uint16_t claimed;
    size_t len;
    int expected;
} port_packets[] = {
    { "two ports", { { PROC_TCP, 53 }, { PROC_UDP, 53 } }, 2, 32, 0 },
    { "fewer than claimed", { { PROC_TCP, 53 }, { PROC_UDP, 53 } }, 3, 32, -EPROTO },
    { "more than claimed", { { PROC_TCP, 53 }, { PROC_UDP, 53 } }, 1, 32, -EPROTO },
    { "half a port", { { PROC_TCP, 53 }, { PROC_UDP, 53 } }, 2, 30, -EPROTO },
    { "claimed beyond the most", { { PROC_TCP, 53 } }, PROC_PORTS_MAX + 1, 28, -EPROTO },
    { "unknown transport", { { PROC_UDP + 1, 53 } }, 1, 28, -EPROTO },
    { "port 0", { { PROC_TCP, 0 } }, 1, 28, -EPROTO },
};

static void test_ports(void **state)
{
    struct pair *pair = *state;

    for (size_t i = 0; i < ARRAY_LEN(port_packets); i++) {
        struct raw_message raw = { .kind = PROC_UNLISTEN, .ports_len = port_packets[i].claimed };
        struct proc_message got = { 0 };

        print_message("%s\n", port_packets[i].what);
        memcpy(raw.ports, port_packets[i].ports, sizeof(raw.ports));
        raw_send(pair->a, &raw, port_packets[i].len, 0);
        assert_int_equal(proc_channel_receive(pair->b, &got), port_packets[i].expected);
        assert_int_equal(got.ports_len, port_packets[i].expected == 0 ? 2 : 0);
        if (got.ports_len)
            assert_memory_equal(got.ports, port_packets[i].ports, sizeof(raw.ports));
    }
}

static void test_most_ports_arrive(void **state)
{
    struct pair *pair = *state;
    struct proc_message sent = { .kind = PROC_PUBLISH, .ports_len = PROC_PORTS_MAX };
    struct proc_message got;

    for (uint16_t i = 0; i < PROC_PORTS_MAX; i++)
        sent.ports[i] = (struct proc_port){ i % 2, (uint16_t)(i + 1) };
    assert_int_equal(proc_channel_send(pair->a, &sent), 0);
    assert_int_equal(proc_channel_receive(pair->b, &got), 0);
    assert_int_equal(got.ports_len, PROC_PORTS_MAX);
    assert_memory_equal(got.ports, sent.ports, sizeof(sent.ports));
}

static void test_peer_gone(void **state)
{
    struct pair *pair = *state;
    struct proc_message message = { .kind = PROC_READY };

    assert_int_equal(proc_channel_send(pair->a, &message), 0);
    close(pair->a);
    pair->a = -1;
    assert_int_equal(proc_channel_receive(pair->b, &message), 0); /* what it said before */
    assert_int_equal(proc_channel_receive(pair->b, &message), -EPIPE);
    message = (struct proc_message){ .kind = PROC_READY };
    assert_int_equal(proc_channel_send(pair->b, &message), -EPIPE);
}

static void test_full_channel_says_so(void **state)
{
    struct pair *pair = *state;
    struct proc_message message = { .kind = PROC_READY };
    int r = 0;

    for (int i = 0; i < 100000 && r == 0; i++)
        r = proc_channel_send(pair->a, &message);
    assert_int_equal(r, -EAGAIN);
}

static void test_hello(void **state)
{
    struct pair *pair = *state;
    struct proc_hello sent = { .role = PROC_WORKER, .workers_len = 3, .listeners_len = 1 };
    struct proc_hello got;
    struct proc_message message = { .kind = PROC_DRAIN };

    sent.listeners[0] = (struct proc_listener){ PROC_LISTEN_HTTPS, 8443, 0 };
    memcpy(sent.admin_name, "abcde", 5);
    sent.admin_name_len = 5;
    assert_int_equal(proc_channel_receive_hello(pair->b, 1, &got), -ETIMEDOUT);
    assert_int_equal(proc_channel_send_hello(pair->a, &sent), 0);
    assert_int_equal(proc_channel_receive_hello(pair->b, 1000, &got), 0);
    assert_memory_equal(&got, &sent, sizeof(sent));

    assert_int_equal(proc_channel_send_hello(pair->a, &sent), 0);
    assert_int_equal(proc_channel_receive(pair->b, &message), -EPROTO);
    message = (struct proc_message){ .kind = PROC_DRAIN };
    assert_int_equal(proc_channel_send(pair->a, &message), 0);
    assert_int_equal(proc_channel_receive_hello(pair->b, 1000, &got), -EPROTO);
    close(pair->a);
    pair->a = -1;
    assert_int_equal(proc_channel_receive_hello(pair->b, 1000, &got), -EPIPE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_message_arrives_as_sent, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_most_descriptors_arrive_in_order_and_close_on_exec,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_receive_refuses_foreign_packets_and_keeps_nothing,
                                        pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_ports, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_most_ports_arrive, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_peer_gone, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_full_channel_says_so, pair_setup, pair_teardown),
        cmocka_unit_test_setup_teardown(test_hello, pair_setup, pair_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
