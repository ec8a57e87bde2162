#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/address.h"
#include "own_address.h"
#include "supervisor/bind.h"

enum { SOCKETS = 4 };

/* The kernel chooses the number. */
static struct bind_port port_of(enum proc_transport transport)
{
    return (struct bind_port){ .transport = transport, .ip = own_ip() };
}

static void close_all(int *fds)
{
    for (int i = 0; i < SOCKETS; i++)
        close(fds[i]);
}

static int client_new(int type, uint16_t port)
{
    const struct ip_addr ip = own_ip();
    union address address;
    socklen_t len = address_fill(&address, &ip, port);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, &address.any, len), 0);
    return fd;
}

static const int types[] = { [PROC_TCP] = SOCK_STREAM, [PROC_UDP] = SOCK_DGRAM };

/* One of the sockets gets what arrives, TCP and UDP alike. */
static void test_one_port_many_sockets(void **state)
{
    (void)state;
    for (enum proc_transport transport = PROC_TCP; transport <= PROC_UDP; transport++) {
        struct bind_port port = port_of(transport);
        struct pollfd waits[SOCKETS];
        int fds[SOCKETS];

        assert_int_equal(bind_open(&port, SOCKETS, fds), 0);
        assert_int_not_equal(port.number, 0);
        int client = client_new(types[transport], port.number);
        assert_int_equal(send(client, "x", 1, 0), 1);
        for (int i = 0; i < SOCKETS; i++)
            waits[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
        assert_int_equal(poll(waits, SOCKETS, 5000), 1);
        close(client);
        close_all(fds);
    }
}

static void test_taken_port_is_not_shared(void **state)
{
    (void)state;
    for (enum proc_transport transport = PROC_TCP; transport <= PROC_UDP; transport++) {
        struct bind_port port = port_of(transport);
        int fds[SOCKETS], others[SOCKETS] = { -7, -7, -7, -7 };

        assert_int_equal(bind_open(&port, SOCKETS, fds), 0);
        assert_int_equal(bind_open(&port, SOCKETS, others), -EADDRINUSE);
        assert_int_equal(bind_open(&port, 1, others), -EADDRINUSE);
        assert_int_equal(others[0], -7);
        close_all(fds);
        assert_int_equal(bind_open(&port, SOCKETS, fds), 0); /* free again at once */
        close_all(fds);
    }
}

static void test_tcp_and_udp_do_not_clash(void **state)
{
    struct bind_port tcp = port_of(PROC_TCP), udp = port_of(PROC_UDP);
    int fds[SOCKETS], others[SOCKETS];

    (void)state;
    assert_int_equal(bind_open(&tcp, SOCKETS, fds), 0);
    udp.number = tcp.number;
    assert_int_equal(bind_open(&udp, SOCKETS, others), 0);
    close_all(fds);
    close_all(others);
}

/* Connections that were accepted do not keep the port from being opened again. */
static void test_opened_again_beside_its_connections(void **state)
{
    struct bind_port port = port_of(PROC_TCP);
    int fds[SOCKETS];

    (void)state;
    assert_int_equal(bind_open(&port, 1, fds), 0);
    int client = client_new(SOCK_STREAM, port.number);
    struct pollfd wait = { .fd = fds[0], .events = POLLIN };
    assert_int_equal(poll(&wait, 1, 5000), 1);
    int accepted = accept4(fds[0], NULL, NULL, SOCK_CLOEXEC);
    assert_int_not_equal(accepted, -1);
    close(fds[0]);

    assert_int_equal(bind_open(&port, SOCKETS, fds), 0);
    close(client);
    close(accepted);
    close_all(fds);
}

static void test_foreign_address(void **state)
{
    struct bind_port port = { .transport = PROC_UDP, .number = 53530 };
    int fds[SOCKETS];

    (void)state;
    assert_true(ip_parse(SPAN("203.0.113.1"), &port.ip));
    assert_int_equal(bind_open(&port, SOCKETS, fds), -EADDRNOTAVAIL);
    assert_string_equal(bind_mend(-EADDRNOTAVAIL), "give an address that this machine has");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_port_many_sockets),
        cmocka_unit_test(test_taken_port_is_not_shared),
        cmocka_unit_test(test_tcp_and_udp_do_not_clash),
        cmocka_unit_test(test_opened_again_beside_its_connections),
        cmocka_unit_test(test_foreign_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
