#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "net/udp.h"

static struct ip_addr ip_of(const char *text)
{
    struct ip_addr ip;

    assert_true(ip_parse(span_from_str(text), &ip));
    return ip;
}

/* Everywhere, as a UDP Service's port is; returns its number. */
static int bound_new(bool is_v6, uint16_t *ret_port)
{
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
    struct sockaddr_in v4 = { .sin_family = AF_INET };
    socklen_t len = is_v6 ? sizeof(v6) : sizeof(v4);
    struct sockaddr *address = is_v6 ? (struct sockaddr *)&v6 : (struct sockaddr *)&v4;
    int fd = socket(address->sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, off = 0;

    assert_int_not_equal(fd, -1);
    if (is_v6) {
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)), 0);
        assert_int_equal(setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on)), 0);
    } else {
        assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
    }
    assert_int_equal(bind(fd, address, len), 0);
    assert_int_equal(getsockname(fd, address, &len), 0);
    *ret_port = ntohs(is_v6 ? v6.sin6_port : v4.sin_port);
    assert_int_equal(udp_is_v6(fd), is_v6);
    return fd;
}

static void wait_for(int fd)
{
    struct pollfd wait = { .fd = fd, .events = POLLIN };

    assert_int_equal(poll(&wait, 1, 5000), 1);
}

/* The answer comes from the address that was asked, though the socket is bound to all of them: a connected
 * client hears no other. */
static void answer_from(bool is_v6, const char *asked)
{
    struct udp_batch *batch = udp_batch_new();
    struct ip_addr ip = ip_of(asked);
    uint16_t port;
    char got[8];
    int server = bound_new(is_v6, &port);
    int client = udp_connect(&ip, port);

    print_message("%s, %s\n", is_v6 ? "IPv6 socket" : "IPv4 socket", asked);
    assert_true(client >= 0);
    assert_int_equal(send(client, "ask", 3, 0), 3);
    wait_for(server);
    assert_int_equal(udp_batch_receive(batch, server), 1);
    struct udp_path path = *udp_batch_path(batch, 0);
    assert_true(ip_eq(&path.local, &ip));
    assert_true(span_eq(udp_batch_bytes(batch, 0), SPAN("ask")));

    memcpy(udp_batch_room(batch), "told", 4);
    udp_batch_add(batch, &path, 4);
    assert_int_equal(udp_batch_send(batch, server, is_v6), 0);
    assert_int_equal(udp_batch_len(batch), 0);
    wait_for(client);
    assert_int_equal(recv(client, got, sizeof(got), 0), 4);
    close(client);
    close(server);
    udp_batch_free(batch);
}

static void test_answers_leave_from_where_they_were_asked(void **state)
{
    (void)state;
    answer_from(false, "127.0.0.1");
    answer_from(false, "127.9.9.9");
    answer_from(true, "127.0.0.1");
    answer_from(true, "127.9.9.9");
    answer_from(true, "::1");
}

static void test_many_at_once_in_order(void **state)
{
    struct udp_batch *batch = udp_batch_new();
    struct ip_addr ip = ip_of("127.0.0.1");
    uint16_t port;
    int server = bound_new(false, &port), client = udp_connect(&ip, port), taken = 0;

    (void)state;
    assert_int_equal(udp_batch_receive(batch, server), -EAGAIN);
    for (int i = 0; i < UDP_BATCH + 4; i++) {
        char byte = (char)i;
        assert_int_equal(send(client, &byte, 1, 0), 1);
    }
    assert_int_equal(send(client, NULL, 0, 0), 0); /* an empty datagram is one */
    while (taken < UDP_BATCH + 5) {
        wait_for(server);
        int n = udp_batch_receive(batch, server);
        assert_in_range(n, 1, UDP_BATCH);
        for (int i = 0; i < n && taken + i < UDP_BATCH + 4; i++)
            assert_int_equal(udp_batch_bytes(batch, (uint32_t)i).ptr[0], taken + i);
        taken += n;
    }
    assert_int_equal(taken, UDP_BATCH + 5);
    close(client);
    close(server);
    udp_batch_free(batch);
}

static void test_largest_datagram(void **state)
{
    enum { LARGEST = 65507 };
    static char large[LARGEST];
    struct udp_batch *batch = udp_batch_new();
    struct ip_addr ip = ip_of("127.0.0.1");
    uint16_t port;
    int server = bound_new(true, &port), client = udp_connect(&ip, port);

    (void)state;
    memset(large, 'x', sizeof(large));
    assert_int_equal(send(client, large, LARGEST, 0), LARGEST);
    wait_for(server);
    assert_int_equal(udp_batch_receive(batch, server), 1);
    assert_true(span_eq(udp_batch_bytes(batch, 0), span_of(large, LARGEST)));
    close(client);
    close(server);
    udp_batch_free(batch);
}

/* One that cannot be sent costs the others nothing. */
static void test_unsendable_one_is_counted(void **state)
{
    struct udp_batch *batch = udp_batch_new();
    uint16_t port, client_port;
    int server = bound_new(false, &port), client = bound_new(false, &client_port);
    struct udp_path good = { .remote = ip_of("127.0.0.1"),
                             .local = ip_of("127.0.0.1"),
                             .remote_port = client_port };
    struct udp_path bad = good;

    (void)state;
    bad.local = ip_of("203.0.113.1"); /* none of ours */
    for (int i = 0; i < 3; i++) {
        memcpy(udp_batch_room(batch), "x", 1);
        udp_batch_add(batch, i == 1 ? &bad : &good, 1);
    }
    assert_int_equal(udp_batch_send(batch, server, false), 1);
    wait_for(client);
    assert_int_equal(udp_batch_receive(batch, client), 2);
    close(client);
    close(server);
    udp_batch_free(batch);
}

static void test_refusal_is_heard(void **state)
{
    struct ip_addr ip = ip_of("127.0.0.1");
    uint16_t port;
    char byte;

    (void)state;
    close(bound_new(false, &port));
    int client = udp_connect(&ip, port);
    assert_int_equal(send(client, "x", 1, 0), 1);
    wait_for(client);
    assert_int_equal(recv(client, &byte, 1, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(client);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_leave_from_where_they_were_asked),
        cmocka_unit_test(test_many_at_once_in_order),
        cmocka_unit_test(test_largest_datagram),
        cmocka_unit_test(test_unsendable_one_is_counted),
        cmocka_unit_test(test_refusal_is_heard),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
