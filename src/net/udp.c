#include "net/udp.h"

#include <errno.h>

#include "base/address.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"

/* A bound socket of IPv6 speaks IPv4 as well, and then has v4-mapped addresses in all places: in the name, and
 * in IPV6_PKTINFO, both ways. */

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))]; /* the larger of the two */
};

struct udp_batch {
    uint32_t len;
    struct mmsghdr messages[UDP_BATCH];
    struct iovec bodies[UDP_BATCH];
    union address names[UDP_BATCH];
    union control controls[UDP_BATCH];
    struct udp_path paths[UDP_BATCH];
    char bytes[UDP_BATCH][UDP_BYTES_MAX + 1];
};

struct udp_batch *udp_batch_new(void)
{
    return mem_alloc_zero(sizeof(struct udp_batch));
}

struct udp_batch *udp_batch_free(struct udp_batch *batch)
{
    return mem_free(batch);
}

static void message_init(struct udp_batch *batch, uint32_t at, size_t len)
{
    batch->bodies[at] = (struct iovec){ batch->bytes[at], len };
    batch->messages[at].msg_hdr = (struct msghdr){
        .msg_name = &batch->names[at],
        .msg_namelen = sizeof(batch->names[at]),
        .msg_iov = &batch->bodies[at],
        .msg_iovlen = 1,
        .msg_control = &batch->controls[at],
        .msg_controllen = sizeof(batch->controls[at]),
    };
}

/* ---- receiving ---- */

static void remote_read(const union address *name, struct udp_path *path)
{
    address_read(name, &path->remote, &path->remote_port);
    path->interface = name->any.sa_family == AF_INET6 ? name->v6.sin6_scope_id : 0;
}

static void local_read(struct msghdr *header, struct udp_path *path)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
            struct in6_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            path->local = address_ip_of_v6(&info.ipi6_addr);
        } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            path->local = ip_from_v4(&info.ipi_spec_dst);
        }
    }
}

int udp_batch_receive(struct udp_batch *batch, int fd)
{
    for (uint32_t i = 0; i < UDP_BATCH; i++)
        message_init(batch, i, UDP_BYTES_MAX);
    int received = recvmmsg(fd, batch->messages, UDP_BATCH, MSG_DONTWAIT, NULL);
    if (received == -1)
        return -errno;
    for (int i = 0; i < received; i++) {
        batch->paths[i] = (struct udp_path){ 0 };
        remote_read(&batch->names[i], &batch->paths[i]);
        local_read(&batch->messages[i].msg_hdr, &batch->paths[i]);
    }
    return received;
}

struct span udp_batch_bytes(const struct udp_batch *batch, uint32_t index)
{
    return span_of(batch->bytes[index], batch->messages[index].msg_len);
}

const struct udp_path *udp_batch_path(const struct udp_batch *batch, uint32_t index)
{
    return &batch->paths[index];
}

/* ---- sending ---- */

char *udp_batch_room(struct udp_batch *batch)
{
    invariant(batch->len < UDP_BATCH);
    return batch->bytes[batch->len];
}

void udp_batch_add(struct udp_batch *batch, const struct udp_path *path, size_t len)
{
    invariant(batch->len < UDP_BATCH && len <= UDP_BYTES_MAX);
    message_init(batch, batch->len, len);
    batch->paths[batch->len++] = *path;
}

uint32_t udp_batch_len(const struct udp_batch *batch)
{
    return batch->len;
}

static void info_write(struct msghdr *header, int level, int type, const void *info, size_t len)
{
    header->msg_controllen = CMSG_SPACE(len);
    struct cmsghdr *c = CMSG_FIRSTHDR(header);
    c->cmsg_level = level;
    c->cmsg_type = type;
    c->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(c), info, len);
}

static void path_write_v4(struct msghdr *header, union address *name, const struct udp_path *path)
{
    struct in_pktinfo info = { 0 };

    memcpy(&info.ipi_spec_dst, path->local.bytes + 12, 4);
    header->msg_namelen = address_fill(name, &path->remote, path->remote_port);
    info_write(header, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
}

static void path_write_v6(struct msghdr *header, union address *name, const struct udp_path *path)
{
    struct in6_pktinfo info = { .ipi6_ifindex = path->interface };

    memcpy(&info.ipi6_addr, path->local.bytes, sizeof(path->local.bytes));
    name->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6,
                                      .sin6_port = htons(path->remote_port),
                                      .sin6_scope_id = path->interface };
    memcpy(&name->v6.sin6_addr, path->remote.bytes, sizeof(path->remote.bytes));
    header->msg_namelen = sizeof(name->v6);
    info_write(header, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
}

uint32_t udp_batch_send(struct udp_batch *batch, int fd, bool is_v6)
{
    uint32_t at = 0, lost = 0;

    for (uint32_t i = 0; i < batch->len; i++) {
        struct msghdr *header = &batch->messages[i].msg_hdr;
        if (is_v6)
            path_write_v6(header, &batch->names[i], &batch->paths[i]);
        else
            path_write_v4(header, &batch->names[i], &batch->paths[i]);
    }
    while (at < batch->len) {
        int sent = sendmmsg(fd, batch->messages + at, batch->len - at, MSG_DONTWAIT);
        if (sent > 0) {
            at += (uint32_t)sent;
        } else { /* an error is that of the first one alone */
            at++;
            lost++;
        }
    }
    batch->len = 0;
    return lost;
}

/* ---- sockets ---- */

int udp_connect(const struct ip_addr *ip, uint16_t port)
{
    union address address;
    socklen_t len = address_fill(&address, ip, port);
    SCOPED(fd_closep)
    int fd = socket(address.any.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return -errno;
    if (connect(fd, &address.any, len) == -1)
        return -errno;
    return TAKE_FD(fd);
}

bool udp_is_v6(int fd)
{
    int family = AF_INET;
    socklen_t len = sizeof(family);

    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len); /* cannot fail on a socket */
    return family == AF_INET6;
}
