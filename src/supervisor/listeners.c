#include "supervisor/listeners.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "base/log.h"
#include "base/scope.h"

/* The kernel cuts it at net.core.somaxconn, which is 4096 as well unless someone lowered it. */
enum { LISTEN_BACKLOG = 4096 };

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

struct port {
    enum proc_listener_kind kind;
    const char *flag;
    struct ip_addr ip;
    uint16_t number; /* 0 until the kernel has chosen one */
    bool is_off;
};

static socklen_t address_set(union address *address, const struct ip_addr *ip, uint16_t port)
{
    *address = (union address){ 0 };
    if (ip_is_v4(ip)) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        memcpy(&address->v4.sin_addr, ip->bytes + 12, 4);
        return sizeof(address->v4);
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    memcpy(&address->v6.sin6_addr, ip->bytes, 16);
    return sizeof(address->v6);
}

static int flag_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value)) == -1 ? -errno : 0;
}

/* A bound socket. `is_shared`: others of ours may bind the same port. */
static int socket_bind(const struct port *port, bool is_shared, int *ret_fd)
{
    union address address;
    socklen_t address_bytes = address_set(&address, &port->ip, port->number);
    SCOPED(fd_closep)
    int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1)
        return -errno;
    int r = flag_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (r == 0 && is_shared)
        r = flag_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (r == 0 && address.any.sa_family == AF_INET6)
        r = flag_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
    if (r == 0)
        r = flag_set(fd, IPPROTO_TCP, TCP_NODELAY, 1); /* accepted sockets inherit it */
    if (r < 0)
        return r;
    if (bind(fd, &address.any, address_bytes) == -1)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* SO_REUSEPORT would let a second yett of the same user share the port in silence; one bind without
 * it finds out. */
static int port_check_free(const struct port *port)
{
    SCOPED(fd_closep) int fd = -1;

    if (port->number == 0)
        return 0;
    int r = socket_bind(port, false, &fd);
    if (r < 0)
        return r;
    return listen(fd, 1) == -1 ? -errno : 0;
}

static int port_read_back(int fd, struct port *port)
{
    union address address;
    socklen_t address_bytes = sizeof(address);

    if (getsockname(fd, &address.any, &address_bytes) == -1)
        return -errno;
    port->number =
        ntohs(address.any.sa_family == AF_INET ? address.v4.sin_port : address.v6.sin6_port);
    return 0;
}

/* `is_shared`: one of several. */
static int port_open_one(struct port *port, bool is_shared, int *ret_fd)
{
    SCOPED(fd_closep) int fd = -1;

    int r = socket_bind(port, is_shared, &fd);
    if (r < 0)
        return r;
    if (listen(fd, LISTEN_BACKLOG) == -1)
        return -errno;
    r = port_read_back(fd, port);
    if (r < 0)
        return r;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int port_open(struct listeners *listeners, struct port *port)
{
    uint32_t at = listeners->len;

    int r = port_check_free(port);
    for (uint32_t worker = 0; r == 0 && worker < listeners->workers_len; worker++)
        r = port_open_one(port, true, &listeners->fds[worker][at]);
    listeners->kinds[at] = (struct proc_listener){ port->kind, port->number, 0 };
    listeners->len++; /* also after a failure: what is open is closed with the rest */
    return r;
}

/* "::" means "everywhere", also on a node without IPv6. True: try once more. */
static bool port_fall_back(struct port *port, int r)
{
    static const struct ip_addr any_v6 = { { 0 } };
    static const struct ip_addr any_v4 = { { [10] = 0xff, [11] = 0xff } };

    if ((r != -EAFNOSUPPORT && r != -EADDRNOTAVAIL) || !ip_eq(&port->ip, &any_v6))
        return false;
    port->ip = any_v4;
    return true;
}

static int port_open_anywhere(struct listeners *listeners, struct port *port)
{
    int r = port_open(listeners, port);

    if (!port_fall_back(port, r))
        return r;
    listeners->len--;
    return port_open(listeners, port);
}

static const char *mend_of(int r)
{
    if (r == -EADDRINUSE)
        return "stop what listens there, or choose another port";
    if (r == -EACCES)
        return "ports below 1024 need CAP_NET_BIND_SERVICE";
    if (r == -EADDRNOTAVAIL)
        return "give an address that this machine has";
    return "see the error";
}

static void port_log(const struct port *port, int r)
{
    char text[IP_TEXT_MAX] = { 0 };

    ip_format(&port->ip, text);
    if (r < 0)
        log_error("listen_failed", F_STR("flag", port->flag), F_STR("address", text),
                  F_UINT("port", port->number), F_ERRNO(r), F_STR("mend", mend_of(r)));
    else
        log_info("listening", F_STR("flag", port->flag), F_STR("address", text),
                 F_UINT("port", port->number));
}

static void listeners_init(struct listeners *listeners, uint32_t workers_len)
{
    *listeners = (struct listeners){ .workers_len = workers_len };
    memset(listeners->fds, 0xff, sizeof(listeners->fds)); /* -1 everywhere */
}

int listeners_open(const struct supervisor_options *options, struct listeners *ret_listeners)
{
    struct port ports[] = {
        { PROC_LISTEN_HTTP, "--http-port", options->address, options->http_port, options->no_http },
        { PROC_LISTEN_HTTPS, "--https-port", options->address, options->https_port,
          options->no_https },
        { PROC_LISTEN_HEALTH, "--healthz-port", options->health_address, options->health_port,
          options->no_health },
    };
    struct listeners listeners;

    listeners_init(&listeners, options->workers);
    for (size_t i = 0; i < ARRAY_LEN(ports); i++) {
        if (ports[i].is_off)
            continue;
        int r = port_open_anywhere(&listeners, &ports[i]);
        port_log(&ports[i], r);
        if (r < 0) {
            listeners_close(&listeners);
            return r;
        }
    }
    *ret_listeners = listeners;
    return 0;
}

int listeners_open_webhook(const struct supervisor_options *options, int *ret_fd)
{
    struct port port = { .flag = "--validating-webhook",
                         .ip = options->webhook_address,
                         .number = options->webhook_port };
    int r = port_open_one(&port, false, ret_fd);

    if (port_fall_back(&port, r))
        r = port_open_one(&port, false, ret_fd);
    port_log(&port, r);
    return r;
}

void listeners_close(struct listeners *listeners)
{
    for (uint32_t worker = 0; worker < listeners->workers_len; worker++) {
        for (uint32_t i = 0; i < PROC_LISTENERS_MAX; i++) {
            fd_closep(&listeners->fds[worker][i]);
            listeners->fds[worker][i] = -1;
        }
    }
}
