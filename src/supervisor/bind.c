#include "supervisor/bind.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/address.h"
#include "base/scope.h"
#include "proc/inherit.h"

enum {
    /* The kernel cuts it at net.core.somaxconn, which is 4096 as well unless someone lowered it. */
    BIND_BACKLOG = 4096,
    /* Datagrams that wait while a worker is busy or restarts; the kernel cuts it at net.core.rmem_max. */
    BIND_UDP_BYTES = 1 << 20,
};

static int flag_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == -1 ? -errno : 0;
}

static int flags_set_tcp(int fd)
{
    int r = flag_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);

    return r < 0 ? r : flag_set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit it */
}

/* An answer leaves from the address that was asked: each datagram tells which one it was. */
static int flags_set_udp(int fd, int family)
{
    (void)flag_set(fd, SOL_SOCKET, SO_RCVBUF, BIND_UDP_BYTES); /* less serves as well */
    return family == AF_INET6 ? flag_set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)
                              : flag_set(fd, IPPROTO_IP, IP_PKTINFO, 1);
}

/* `is_shared`: others of ours may bind the same port. */
static int socket_bind(const struct bind_port *port, bool is_shared, int *ret_fd)
{
    union address address;
    socklen_t address_bytes = address_fill(&address, &port->ip, port->number);
    int family = address.any.sa_family;
    int type = port->transport == PROC_UDP ? SOCK_DGRAM : SOCK_STREAM;
    SCOPED(fd_closep) int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1)
        return -errno;
    int r = type == SOCK_DGRAM ? flags_set_udp(fd, family) : flags_set_tcp(fd);
    if (r == 0 && is_shared)
        r = flag_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && family == AF_INET6)
        r = flag_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (r < 0)
        return r;
    if (bind(fd, &address.any, address_bytes) == -1)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int socket_listen(const struct bind_port *port, int fd, int backlog)
{
    if (port->transport == PROC_UDP)
        return 0;
    return listen(fd, backlog) == -1 ? -errno : 0;
}

/* SO_REUSEPORT would let a second yett of the same user share the port in silence; one bind without
 * it finds out. */
static int port_check_free(const struct bind_port *port)
{
    SCOPED(fd_closep) int fd = -1;

    if (port->number == 0)
        return 0;
    int r = socket_bind(port, false, &fd);
    return r < 0 ? r : socket_listen(port, fd, 1);
}

static int port_read_back(int fd, struct bind_port *port)
{
    union address address;
    socklen_t address_bytes = sizeof(address);
    struct ip_addr ip;

    if (getsockname(fd, &address.any, &address_bytes) == -1)
        return -errno;
    address_read(&address, &ip, &port->number);
    return 0;
}

static int port_open_one(struct bind_port *port, bool is_shared, int *ret_fd)
{
    SCOPED(fd_closep) int fd = -1;

    int r = socket_bind(port, is_shared, &fd);
    if (r == 0)
        r = socket_listen(port, fd, BIND_BACKLOG);
    if (r == 0)
        r = port_read_back(fd, port);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int port_open(struct bind_port *port, uint32_t len, int *ret_fds)
{
    int fds[PROC_WORKERS_MAX];
    uint32_t opened = 0;
    int r = len > 1 ? port_check_free(port) : 0;

    while (r == 0 && opened < len) {
        r = port_open_one(port, len > 1, &fds[opened]);
        if (r == 0)
            opened++;
    }
    if (r == 0) {
        memcpy(ret_fds, fds, len * sizeof(fds[0]));
        return 0;
    }
    while (opened > 0)
        fd_closep(&fds[--opened]);
    return r;
}

int bind_open(struct bind_port *port, uint32_t len, int *ret_fds)
{
    static const struct ip_addr any_v6 = { { 0 } };
    static const uint8_t any_v4[4];
    int r = port_open(port, len, ret_fds);

    if ((r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL) || !ip_eq(&port->ip, &any_v6))
        return r;
    port->ip = ip_from_v4(any_v4);
    return port_open(port, len, ret_fds);
}

const char *bind_mend(int r)
{
    if (r == -EADDRINUSE)
        return "stop what listens there, or choose another port";
    if (r == -EACCES)
        return "ports below 1024 need CAP_NET_BIND_SERVICE";
    if (r == -EADDRNOTAVAIL)
        return "give an address that this machine has";
    return "see the error";
}
