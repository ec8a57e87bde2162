/* The cheapest backend that speaks HTTP/1.1 with keep-alive: each request, whatever it asks for,
 * gets the same answer. Requests have no bodies; heads are only looked for where they end.
 *
 *     bench_backend [BODY-BYTES]      prints its port, and serves until it is killed */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BODY_BYTES = 100, BODY_BYTES_MAX = 1 << 20, CONNECTIONS_MAX = 65536 };

static char *answer;
static size_t answer_len;
static unsigned matched[CONNECTIONS_MAX]; /* bytes of "\r\n\r\n" seen last, by descriptor */

static void fail(const char *what)
{
    perror(what);
    exit(EXIT_FAILURE);
}

static void answer_make(size_t body_bytes)
{
    answer = malloc(256 + body_bytes);
    if (!answer)
        fail("malloc");
    int head = sprintf(answer,
                       "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
                       "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n",
                       body_bytes);
    memset(answer + head, 'y', body_bytes);
    answer_len = (size_t)head + body_bytes;
}

static int listen_anywhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1 || bind(fd, (struct sockaddr *)&address, len) == -1 || listen(fd, 1024) == -1 ||
        getsockname(fd, (struct sockaddr *)&address, &len) == -1)
        fail("listen");
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == -1)
        fail("epoll_ctl");
}

static void accept_one(int epoll, int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd == -1)
        return;
    if (fd >= CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    matched[fd] = 0;
    watch(epoll, fd);
}

/* Heads that end in `bytes`, however they are split. */
static unsigned heads_count(int fd, const char *bytes, size_t len)
{
    static const char end[] = "\r\n\r\n";
    unsigned heads = 0, seen = matched[fd];

    for (size_t i = 0; i < len; i++) {
        seen = bytes[i] == end[seen] ? seen + 1 : bytes[i] == '\r';
        heads += seen == 4;
        seen %= 4;
    }
    matched[fd] = seen;
    return heads;
}

/* The socket blocks where the peer is slow, which only a proxy that is no use does. */
static bool answer_send(int fd)
{
    for (size_t sent = 0; sent < answer_len;) {
        ssize_t n = send(fd, answer + sent, answer_len - sent, MSG_NOSIGNAL);

        if (n == -1)
            return false;
        sent += (size_t)n;
    }
    return true;
}

static bool serve(int fd)
{
    char bytes[16 << 10];
    ssize_t n = recv(fd, bytes, sizeof(bytes), 0);

    if (n <= 0)
        return false;
    for (unsigned heads = heads_count(fd, bytes, (size_t)n); heads > 0; heads--) {
        if (!answer_send(fd))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS];
    size_t body_bytes = argc > 1 ? strtoul(argv[1], NULL, 10) : BODY_BYTES;
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll == -1)
        fail("epoll_create1");
    answer_make(body_bytes < BODY_BYTES_MAX ? body_bytes : BODY_BYTES_MAX);
    int listener = listen_anywhere();
    watch(epoll, listener);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        if (n == -1 && errno != EINTR)
            fail("epoll_wait");
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == listener)
                accept_one(epoll, listener);
            else if (!serve(events[i].data.fd))
                close(events[i].data.fd);
        }
    }
}
