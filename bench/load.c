/* The cheapest client that keeps a proxy busy: a fixed number of requests over a fixed number of
 * kept connections, one request at a time on each. Every answer must be a whole 200; anything
 * else is an error, and the exit status says so.
 *
 *     bench_load PORT HOST CONNECTIONS REQUESTS      prints: requests, seconds, connections lost */
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
#include <time.h>
#include <unistd.h>

enum { EVENTS = 256, ANSWER_BYTES_MAX = 64 << 10 };

struct connection {
    int fd;
    size_t received, expected; /* of the present answer; expected is 0 until its head is there */
    char head[4096];
};

static struct {
    uint16_t port;
    char request[512];
    size_t request_len;
    unsigned long wanted, begun, done, lost;
    int epoll;
} load;

static void fail(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, errno ? strerror(errno) : "unexpected");
    exit(EXIT_FAILURE);
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void request_begin(struct connection *connection)
{
    if (load.begun == load.wanted)
        return;
    load.begun++;
    connection->received = connection->expected = 0;
    if (send(connection->fd, load.request, load.request_len, MSG_NOSIGNAL) !=
        (ssize_t)load.request_len)
        fail("send");
}

static void connection_open(struct connection *connection)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(load.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = connection };

    connection->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connection->fd == -1 ||
        connect(connection->fd, (struct sockaddr *)&address, sizeof(address)) == -1)
        fail("connect");
    setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    if (epoll_ctl(load.epoll, EPOLL_CTL_ADD, connection->fd, &event) == -1)
        fail("epoll_ctl");
}

/* A gate may end a kept connection between two requests; one that was begun is then sent anew. */
static void connection_reopen(struct connection *connection)
{
    if (connection->received > 0)
        fail("an answer was cut short");
    close(connection->fd);
    load.lost++;
    if (load.lost > load.wanted)
        fail("connections are lost all the time");
    connection_open(connection);
    load.begun--;
    request_begin(connection);
}

/* Length of the whole answer, once its head is there; 0 before. */
static size_t answer_len(struct connection *connection)
{
    char *end, *length;

    connection->head[connection->received] = '\0';
    end = strstr(connection->head, "\r\n\r\n");
    if (!end)
        return 0;
    errno = 0;
    if (strncmp(connection->head, "HTTP/1.1 200 ", 13) != 0)
        fail("an answer other than 200");
    length = strcasestr(connection->head, "\r\nContent-Length: ");
    if (!length || length > end)
        fail("an answer without Content-Length");
    return (size_t)(end + 4 - connection->head) + strtoul(length + 18, NULL, 10);
}

static void answer_read(struct connection *connection)
{
    static char rest[ANSWER_BYTES_MAX];
    bool in_head = connection->expected == 0;
    char *at = in_head ? connection->head + connection->received : rest;
    size_t room = in_head ? sizeof(connection->head) - 1 - connection->received : sizeof(rest);

    errno = 0;
    if (room == 0)
        fail("an answer's head is too long");
    ssize_t n = recv(connection->fd, at, room, 0);
    if (n <= 0) {
        connection_reopen(connection);
        return;
    }
    connection->received += (size_t)n;
    if (in_head)
        connection->expected = answer_len(connection);
    if (connection->expected == 0 || connection->received < connection->expected)
        return;
    if (connection->received > connection->expected)
        fail("more than was asked for");
    load.done++;
    request_begin(connection);
}

static void load_run(void)
{
    struct epoll_event events[EVENTS];

    while (load.done < load.wanted) {
        int n = epoll_wait(load.epoll, events, EVENTS, 10000);

        if (n == -1 && errno == EINTR)
            continue;
        if (n <= 0)
            fail("no answer for 10 s");
        for (int i = 0; i < n; i++)
            answer_read(events[i].data.ptr);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: bench_load PORT HOST CONNECTIONS REQUESTS\n");
        return 2;
    }
    unsigned long connections = strtoul(argv[3], NULL, 10);
    struct connection *all = calloc(connections, sizeof(*all));

    load.port = (uint16_t)strtoul(argv[1], NULL, 10);
    load.wanted = strtoul(argv[4], NULL, 10);
    load.request_len = (size_t)snprintf(
        load.request, sizeof(load.request),
        "GET /bench/item?id=42 HTTP/1.1\r\nHost: %.200s\r\nUser-Agent: bench/1.0\r\n"
        "Accept: */*\r\n\r\n",
        argv[2]);
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!all || load.epoll == -1)
        fail("start");
    for (unsigned long i = 0; i < connections; i++)
        connection_open(&all[i]);

    double start_s = now_s();
    for (unsigned long i = 0; i < connections; i++)
        request_begin(&all[i]);
    load_run();
    printf("%lu %.6f %lu\n", load.done, now_s() - start_s, load.lost);
    free(all);
    return EXIT_SUCCESS;
}
