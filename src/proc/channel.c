#include "proc/channel.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bug.h"
#include "proc/inherit.h"

/* A packet is one `struct wire`, followed by the message's ports; a hello's by its body. Both ends are the
 * same binary, so the structs travel as they are. The supervisor still trusts no length: a worker that was taken
 * over writes whatever it likes, and whatever descriptors it sends along must not pile up here. */

struct wire {
    uint32_t kind;
    int32_t result;
    uint64_t generation;
    uint32_t time_ms;
    uint16_t fds_len, ports_len;
};
static_assert(sizeof(struct wire) == 24, "no padding: it would carry old stack bytes");

/* Exactly CMSG_LEN, not CMSG_SPACE: the padding of the latter would let one descriptor more in. */
enum { FDS_CONTROL_BYTES = CMSG_LEN(PROC_FDS_MAX * sizeof(int)) };

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(PROC_FDS_MAX * sizeof(int))];
};

int proc_channel_pair(int ret_fds[2])
{
    int fds[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == -1)
        return -errno;
    ret_fds[0] = fds[0];
    ret_fds[1] = fds[1];
    return 0;
}

const char *proc_reject_name(int32_t result)
{
    switch ((enum proc_reject)result) {
    case PROC_REJECT_REFUSED:
        return "a worker refused it";
    case PROC_REJECT_KILLED:
        return "workers died of it";
    case PROC_REJECT_TIMED_OUT:
        return "a worker did not take it in time";
    }
    return "unknown";
}

static bool kind_is_known(uint32_t kind)
{
    return kind >= PROC_HELLO && kind <= PROC_PORT;
}

static int packet_send(int channel, const struct msghdr *packet)
{
    ssize_t sent;

    do
        sent = sendmsg(channel, packet, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (sent == -1 && errno == EINTR);
    return sent == -1 ? -errno : 0; /* a packet goes whole or not at all */
}

int proc_channel_send(int channel, const struct proc_message *message)
{
    struct wire wire = {
        .kind = message->kind,
        .result = message->result,
        .generation = message->generation,
        .time_ms = message->time_ms,
        .fds_len = (uint16_t)message->fds_len,
        .ports_len = (uint16_t)message->ports_len,
    };
    struct iovec bodies[] = { { &wire, sizeof(wire) },
                              { (void *)message->ports,
                                message->ports_len * sizeof(message->ports[0]) } };
    struct msghdr packet = { .msg_iov = bodies, .msg_iovlen = ARRAY_LEN(bodies) };
    union control control = { 0 };

    invariant(kind_is_known(message->kind) && message->kind != PROC_HELLO);
    invariant(message->fds_len <= PROC_FDS_MAX && message->ports_len <= PROC_PORTS_MAX);
    if (message->fds_len > 0) {
        size_t fds_bytes = message->fds_len * sizeof(int);

        packet.msg_control = control.bytes;
        packet.msg_controllen = CMSG_SPACE(fds_bytes);
        struct cmsghdr *rights = CMSG_FIRSTHDR(&packet);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds_bytes);
        memcpy(CMSG_DATA(rights), message->fds, fds_bytes);
    }
    return packet_send(channel, &packet);
}

/* Takes one packet; descriptors that came with it are the caller's, whatever is returned as length.
 * Returns the packet's bytes, or -errno with no descriptor left open. */
static ssize_t packet_receive(int channel, struct iovec *bodies, size_t bodies_len, int *ret_fds,
                              uint32_t *ret_fds_len)
{
    union control control;
    struct msghdr packet = { .msg_iov = bodies,
                             .msg_iovlen = bodies_len,
                             .msg_control = control.bytes,
                             .msg_controllen = FDS_CONTROL_BYTES };
    struct proc_message got = { 0 };
    ssize_t len;

    do
        len = recvmsg(channel, &packet, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    while (len == -1 && errno == EINTR);
    if (len == -1)
        return -errno;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(&packet); c; c = CMSG_NXTHDR(&packet, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        size_t fds_len = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        invariant(got.fds_len + fds_len <= PROC_FDS_MAX); /* by FDS_CONTROL_BYTES */
        memcpy(got.fds + got.fds_len, CMSG_DATA(c), fds_len * sizeof(int));
        got.fds_len += (uint32_t)fds_len;
    }
    if (len == 0 || (packet.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        proc_message_close_fds(&got);
        return len == 0 ? -EPIPE : -EPROTO; /* nothing at all is how a packet socket says "gone" */
    }
    memcpy(ret_fds, got.fds, got.fds_len * sizeof(int));
    *ret_fds_len = got.fds_len;
    return len;
}

static bool ports_are_sound(const struct proc_port *ports, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (ports[i].transport > PROC_UDP || ports[i].number == 0)
            return false;
    }
    return true;
}

/* `len`: the packet's; `message`: the descriptors and ports that came in it. */
static bool message_is_sound(const struct wire *wire, size_t len,
                             const struct proc_message *message)
{
    return len >= sizeof(*wire) && kind_is_known(wire->kind) && wire->kind != PROC_HELLO &&
           wire->fds_len == message->fds_len && wire->ports_len <= PROC_PORTS_MAX &&
           len == sizeof(*wire) + wire->ports_len * sizeof(message->ports[0]) &&
           ports_are_sound(message->ports, wire->ports_len);
}

int proc_channel_receive(int channel, struct proc_message *ret_message)
{
    struct wire wire;
    struct proc_message message = { 0 };
    struct iovec bodies[] = { { &wire, sizeof(wire) }, { message.ports, sizeof(message.ports) } };

    ssize_t len = packet_receive(channel, bodies, ARRAY_LEN(bodies), message.fds, &message.fds_len);
    if (len < 0)
        return (int)len;
    if (!message_is_sound(&wire, (size_t)len, &message)) {
        proc_message_close_fds(&message);
        return -EPROTO;
    }
    message.kind = wire.kind;
    message.result = wire.result;
    message.generation = wire.generation;
    message.time_ms = wire.time_ms;
    message.ports_len = wire.ports_len;
    *ret_message = message;
    return 0;
}

void proc_message_close_fds(struct proc_message *message)
{
    for (uint32_t i = 0; i < message->fds_len; i++)
        close(message->fds[i]);
    message->fds_len = 0;
}

int proc_channel_send_hello(int channel, const struct proc_hello *hello)
{
    struct wire wire = { .kind = PROC_HELLO };
    struct iovec bodies[] = { { &wire, sizeof(wire) }, { (void *)hello, sizeof(*hello) } };
    struct msghdr packet = { .msg_iov = bodies, .msg_iovlen = ARRAY_LEN(bodies) };

    return packet_send(channel, &packet);
}

int proc_channel_receive_hello(int channel, int timeout_ms, struct proc_hello *ret_hello)
{
    struct wire wire;
    struct proc_hello hello;
    struct iovec bodies[] = { { &wire, sizeof(wire) }, { &hello, sizeof(hello) } };
    struct proc_message stray = { 0 };
    struct pollfd wait = { .fd = channel, .events = POLLIN };

    int ready = poll(&wait, 1, timeout_ms);
    if (ready == -1)
        return -errno;
    if (ready == 0)
        return -ETIMEDOUT;
    ssize_t len = packet_receive(channel, bodies, ARRAY_LEN(bodies), stray.fds, &stray.fds_len);
    if (len < 0)
        return (int)len;
    bool is_hello =
        len == sizeof(wire) + sizeof(hello) && wire.kind == PROC_HELLO && stray.fds_len == 0;
    proc_message_close_fds(&stray);
    if (!is_hello)
        return -EPROTO;
    *ret_hello = hello;
    return 0;
}
