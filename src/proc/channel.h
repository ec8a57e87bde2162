/* proc/channel.h
 *
 * Purpose    Messages between the supervisor and its children: fixed structs and descriptors over a
 *            SOCK_SEQPACKET pair, one message a packet.
 * Ownership  Sending duplicates descriptors; receiving gives them to the caller, close-on-exec.
 * Errors     -EAGAIN: nothing there (or no room); -EPIPE / -ECONNRESET / 0 descriptors: peer gone;
 *            -EPROTO: not one of our messages.
 *
 *   supervisor → controller   RESUME (image), PUBLISHED, REJECTED, PORT (ports)
 *   controller → supervisor   PUBLISH (image, ports)
 *   supervisor → worker       LISTEN (ports, sockets), IMAGE (image), UNLISTEN (ports), DRAIN
 *   worker → supervisor       READY, TAKEN, REFUSED, DRAINED
 *   supervisor → keeper       IMAGE (image without its SECRETS)
 *   keeper → supervisor       PUBLISH (image, ports) at most once, READY, TAKEN, REFUSED
 *
 * See        docs/internals/lifecycle.md, "Messages" */
#ifndef YETT_PROC_CHANNEL_H
#define YETT_PROC_CHANNEL_H

#include <stdint.h>

#include "base/compiler.h"
#include "proc/port.h"

enum {
    PROC_FDS_MAX = 130,  /* an image: root and IMAGE_SEGMENTS_MAX segments */
    PROC_AT_SECRETS = 1, /* the one of them with keys in it */
};

enum proc_message_kind {
    PROC_HELLO = 1, /* body: struct proc_hello */
    PROC_RESUME,    /* controller, after the hello: images were counted up to `generation`, 0: there
                       was none; fds are the one that every worker serves, none: there is none */
    PROC_PUBLISH, /* controller: fds are an image, root first, generation set; ports are those that
                       it names */
    PROC_PUBLISHED, /* every worker serves `generation` */
    PROC_REJECTED,  /* `generation` was rolled back; result: enum proc_reject */
    PROC_IMAGE,     /* fds as in PUBLISH */
    PROC_READY,     /* worker: set up and accepting; keeper: it has told all that it found */
    PROC_TAKEN,     /* worker serves `generation`; keeper: it is on disk */
    PROC_REFUSED,   /* it keeps what it had; result: image_open_result or -errno */
    PROC_DRAIN,     /* time_ms: finish in that time */
    PROC_DRAINED,   /* worker: nothing left, about to exit */
    PROC_LISTEN, /* fds are sockets bound to ports, one each; before the first image that names them */
    PROC_UNLISTEN, /* ports that no image names any more */
    PROC_PORT, /* ports that could not be bound, result: -errno; or are no longer of concern, result: 0 */
};

enum proc_reject { PROC_REJECT_REFUSED = 1, PROC_REJECT_KILLED, PROC_REJECT_TIMED_OUT };

/* For logs; `result` as it came. */
const char *proc_reject_name(int32_t result);

struct proc_message {
    uint32_t kind; /* enum proc_message_kind */
    int32_t result;
    uint64_t generation;
    uint32_t time_ms;
    uint32_t fds_len; /* of `fds` as sent or received */
    uint32_t ports_len;
    int fds[PROC_FDS_MAX];
    struct proc_port ports[PROC_PORTS_MAX];
};

/* A connected pair, close-on-exec, non-blocking. Returns 0 or -errno. */
YETT_MUST_USE int proc_channel_pair(int ret_fds[2]);
YETT_MUST_USE int proc_channel_send(int channel, const struct proc_message *message);
/* Fills *ret_message, which owns the descriptors in it. */
YETT_MUST_USE int proc_channel_receive(int channel, struct proc_message *ret_message);
void proc_message_close_fds(struct proc_message *message);

/* The hello, which has a body of its own; receive waits up to `timeout_ms`. */
struct proc_hello;
YETT_MUST_USE int proc_channel_send_hello(int channel, const struct proc_hello *hello);
YETT_MUST_USE int proc_channel_receive_hello(int channel, int timeout_ms,
                                             struct proc_hello *ret_hello);

#endif
