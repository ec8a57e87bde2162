#include "net/socket.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

#include "base/address.h"
#include "base/scope.h"

static void no_delay_set(int fd)
{
    /* Fails on UNIX sockets, where it means nothing. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
}

int socket_accept(int listener, struct net_peer *ret_peer)
{
    union address address;
    socklen_t len = sizeof(address);

    int fd = accept4(listener, &address.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd == -1)
        return -errno;
    if (address.any.sa_family != AF_UNIX)
        no_delay_set(fd);
    address_read(&address, &ret_peer->ip, &ret_peer->port);
    return fd;
}

static int connect_begin(int family, const union address *address, socklen_t len)
{
    SCOPED(fd_closep) int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    if (family != AF_UNIX)
        no_delay_set(fd);
    if (connect(fd, &address->any, len) == -1 && errno != EINPROGRESS)
        return -errno;
    return TAKE_FD(fd);
}

int socket_connect_tcp(const struct ip_addr *ip, uint16_t port)
{
    union address address;
    socklen_t len = address_fill(&address, ip, port);

    return connect_begin(address.any.sa_family, &address, len);
}

int socket_connect_unix_abstract(struct span name)
{
    union address address = { .local.sun_family = AF_UNIX };

    if (name.len >= sizeof(address.local.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.local.sun_path + 1, name.ptr, name.len);
    return connect_begin(AF_UNIX, &address,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + name.len));
}

int socket_listen_tcp(const struct ip_addr *ip, uint16_t port, int backlog)
{
    union address address;
    socklen_t len = address_fill(&address, ip, port);

    SCOPED(fd_closep)
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) == -1 ||
        bind(fd, &address.any, len) == -1 || listen(fd, backlog) == -1)
        return -errno;
    return TAKE_FD(fd);
}

int socket_local_address(int fd, struct net_peer *ret_local)
{
    union address address;
    socklen_t len = sizeof(address);

    if (getsockname(fd, &address.any, &len) == -1)
        return -errno;
    address_read(&address, &ret_local->ip, &ret_local->port);
    return 0;
}

int socket_local_port(int fd, uint16_t *ret_port)
{
    struct net_peer local;

    int r = socket_local_address(fd, &local);
    if (r == 0)
        *ret_port = local.port;
    return r;
}

int socket_error(int fd)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
        return -errno;
    return -error;
}

bool socket_peer_is_silent(int fd, uint32_t ms)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
        return false; /* no TCP: its other end is on this machine */
    return info.tcpi_unacked > 0 && info.tcpi_retransmits > 0 && info.tcpi_last_ack_recv >= ms;
}

/* Fails where it is no TCP: its other end is on this machine. */
void socket_keep_watch(int fd, int idle_s, int interval_s, int probes)
{
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

void socket_end_output(int fd)
{
    (void)shutdown(fd, SHUT_WR); /* fails where the peer is gone, which reading will show */
}
