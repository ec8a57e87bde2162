#include "net/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scope.h"

static const struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };
static const struct ip_addr any = { { 0 } };

static int listen_on(const struct ip_addr *ip, uint16_t *ret_port)
{
    int fd = socket_listen_tcp(ip, 0, 8);

    assert_true(fd >= 0);
    assert_int_equal(socket_local_port(fd, ret_port), 0);
    assert_int_not_equal(*ret_port, 0);
    return fd;
}

static void wait_for(int fd, short events)
{
    struct pollfd poll_fd = { .fd = fd, .events = events };

    assert_int_equal(poll(&poll_fd, 1, 5000), 1);
}

static void assert_born_right(int fd)
{
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
}

static void test_connect_and_accept(void **state)
{
    (void)state;
    struct net_peer peer;
    uint16_t port, own_port;
    SCOPED(fd_closep) int listener = listen_on(&loopback, &port);

    assert_int_equal(socket_accept(listener, &peer), -EAGAIN);
    SCOPED(fd_closep) int near = socket_connect_tcp(&loopback, port);
    assert_true(near >= 0);
    wait_for(near, POLLOUT);
    assert_int_equal(socket_error(near), 0);
    wait_for(listener, POLLIN);
    SCOPED(fd_closep) int far = socket_accept(listener, &peer);
    assert_true(far >= 0);
    assert_born_right(listener);
    assert_born_right(near);
    assert_born_right(far);
    assert_memory_equal(&peer.ip, &loopback, sizeof(loopback));
    assert_int_equal(socket_local_port(near, &own_port), 0);
    assert_int_equal(peer.port, own_port);
}

/* The kernel says of a connection what it was asked to do. */
static void test_watch_of_a_silent_peer(void **state)
{
    (void)state;
    static const int options[] = { TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT };
    uint16_t port;
    SCOPED(fd_closep) int listener = listen_on(&loopback, &port);
    SCOPED(fd_closep) int fd = socket_connect_tcp(&loopback, port);
    socklen_t len = sizeof(int);
    int value = 0;

    assert_true(listener >= 0 && fd >= 0);
    socket_keep_watch(fd, 60, 10, 3);
    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &value, &len), 0);
    assert_int_equal(value, 1);
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, options[i], &value, &len), 0);
        assert_int_equal(value, ((const int[]){ 60, 10, 3 })[i]);
    }
}

static void test_one_end_at_a_time(void **state)
{
    (void)state;
    struct net_peer peer;
    char byte;
    uint16_t port;
    SCOPED(fd_closep) int listener = listen_on(&loopback, &port);
    SCOPED(fd_closep) int near = socket_connect_tcp(&loopback, port);

    wait_for(listener, POLLIN);
    SCOPED(fd_closep) int far = socket_accept(listener, &peer);
    socket_end_output(near);
    wait_for(far, POLLIN);
    assert_int_equal(recv(far, &byte, 1, 0), 0);
    assert_int_equal(send(far, "x", 1, MSG_NOSIGNAL), 1);
    wait_for(near, POLLIN);
    assert_int_equal(recv(near, &byte, 1, 0), 1);
}

static void test_refused(void **state)
{
    (void)state;
    uint16_t port;
    int listener = listen_on(&loopback, &port);

    close(listener);
    SCOPED(fd_closep) int fd = socket_connect_tcp(&loopback, port);
    assert_true(fd >= 0);
    wait_for(fd, POLLOUT);
    assert_int_equal(socket_error(fd), -ECONNREFUSED);
}

static void test_any_address_takes_ipv4_too(void **state)
{
    (void)state;
    struct net_peer peer;
    uint16_t port;
    SCOPED(fd_closep) int listener = listen_on(&any, &port);
    SCOPED(fd_closep) int near = socket_connect_tcp(&loopback, port);

    assert_true(near >= 0);
    wait_for(listener, POLLIN);
    SCOPED(fd_closep) int far = socket_accept(listener, &peer);
    assert_true(far >= 0);
    assert_true(ip_is_v4(&peer.ip)); /* as IPv4, however the listener sees it */
    assert_memory_equal(&peer.ip, &loopback, sizeof(loopback));
}

static void test_abstract_unix_address(void **state)
{
    (void)state;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct net_peer peer;
    char long_name[200] = { 0 };
    int len =
        snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "yett-test-%d", getpid());
    SCOPED(fd_closep) int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)),
                     0);
    assert_int_equal(listen(listener, 1), 0);
    SCOPED(fd_closep)
    int near = socket_connect_unix_abstract(span_of(address.sun_path + 1, (size_t)len));
    assert_true(near >= 0);
    SCOPED(fd_closep) int far = socket_accept(listener, &peer);
    assert_true(far >= 0);
    assert_int_equal(peer.port, 0);
    assert_int_equal(socket_connect_unix_abstract(SPAN("yett-test-nobody-listens")), -ECONNREFUSED);
    assert_int_equal(socket_connect_unix_abstract(span_of(long_name, sizeof(long_name))),
                     -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connect_and_accept),
        cmocka_unit_test(test_watch_of_a_silent_peer),
        cmocka_unit_test(test_one_end_at_a_time),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_any_address_takes_ipv4_too),
        cmocka_unit_test(test_abstract_unix_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
