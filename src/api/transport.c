#include "api/transport.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "base/bug.h"
#include "base/mem.h"
#include "net/socket.h"

/* libcurl says which sockets it wants watched and when it wants to be called next; the loop does both.
 * It never blocks: names are resolved by a thread of its own. */

enum {
    KEEP_ALIVE_IDLE_S = 15,
    KEEP_ALIVE_INTERVAL_S = 5,
    CONNECTIONS_KEPT_MAX = 64, /* idle ones beyond are closed, the oldest first */
};

struct api_transport {
    struct loop *loop;
    CURLM *multi;
    struct loop_timer timer;
    struct loop_task task; /* the timer, where it is due at once */
    struct list sockets;
    uint64_t opened;            /* connections, ever */
    size_t standing;            /* those with requests on them, as far as is known */
    size_t running, connecting; /* transfers; the latter have no connection yet */
    const struct api_transport_events *events;
    void *ctx;
};

struct transport_socket {
    struct list link;
    struct loop_watch watch;
    struct api_transport *transport;
    uint64_t read_ms;  /* when bytes came last */
    uint64_t asked_ms; /* when the first request since then went out; 0: none did */
    bool is_standing;  /* a request went out on it */
};

/* ---- libcurl's wishes --------------------------------------------------------------------------- */

static void ended_tell(struct api_transport *transport)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(transport->multi, &left)) != NULL) {
        struct api_transfer *transfer = NULL;

        if (message->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &transfer);
        transport->events->on_done(transport->ctx, transfer, message->data.result);
    }
}

static void act(struct api_transport *transport, curl_socket_t fd, int events)
{
    int running;

    CURLMcode code = curl_multi_socket_action(transport->multi, fd, events, &running);
    invariant(code == CURLM_OK || code == CURLM_BAD_SOCKET);
    ended_tell(transport);
}

static void on_socket_events(struct loop_watch *watch, uint32_t events)
{
    struct transport_socket *socket = container_of(watch, struct transport_socket, watch);
    int wanted = 0;

    if (events & (LOOP_READ | LOOP_END | LOOP_HANGUP))
        wanted |= CURL_CSELECT_IN;
    if (events & LOOP_WRITE)
        wanted |= CURL_CSELECT_OUT;
    if (events & LOOP_ERROR)
        wanted |= CURL_CSELECT_ERR;
    if (events & LOOP_READ) {
        socket->read_ms = loop_now_ms(socket->transport->loop);
        socket->asked_ms = 0;
    }
    act(socket->transport, watch->fd, wanted);
}

static void on_timer(struct loop_timer *timer)
{
    act(container_of(timer, struct api_transport, timer), CURL_SOCKET_TIMEOUT, 0);
}

static void on_due(struct loop_task *task)
{
    act(container_of(task, struct api_transport, task), CURL_SOCKET_TIMEOUT, 0);
}

static int timer_set(CURLM *multi, long delay_ms, void *ctx)
{
    struct api_transport *transport = ctx;

    (void)multi;
    loop_timer_cancel(&transport->timer);
    loop_task_cancel(&transport->task);
    if (delay_ms == 0)
        loop_task_queue(transport->loop, &transport->task);
    else if (delay_ms > 0)
        loop_timer_set(transport->loop, &transport->timer, (uint64_t)delay_ms);
    return 0;
}

static struct transport_socket *socket_new(struct api_transport *transport, curl_socket_t fd)
{
    struct transport_socket *socket = mem_alloc_zero(sizeof(*socket));

    socket->transport = transport;
    socket->watch = (struct loop_watch){ .fd = -1, .on_events = on_socket_events };
    socket->read_ms = loop_now_ms(transport->loop);
    list_push_back(&transport->sockets, &socket->link);
    curl_multi_assign(transport->multi, fd, socket);
    return socket;
}

static void socket_free(struct transport_socket *socket)
{
    socket->transport->standing -= socket->is_standing;
    loop_watch_remove(socket->transport->loop, &socket->watch);
    list_remove(&socket->link);
    loop_defer_free(socket->transport->loop, socket);
}

static int socket_watch(CURL *transfer, curl_socket_t fd, int what, void *ctx, void *socket_ctx)
{
    struct api_transport *transport = ctx;
    struct transport_socket *socket = socket_ctx;
    uint32_t events = 0;
    int r;

    (void)transfer;
    if (what == CURL_POLL_REMOVE) {
        if (socket)
            socket_free(socket);
        return 0;
    }
    if (what & CURL_POLL_IN)
        events |= LOOP_READ;
    if (what & CURL_POLL_OUT)
        events |= LOOP_WRITE;
    if (!socket)
        socket = socket_new(transport, fd);
    if (socket->watch.fd < 0)
        r = loop_watch_add_level(transport->loop, &socket->watch, fd, events);
    else
        r = loop_watch_change_level(transport->loop, &socket->watch, events);
    return r < 0 ? -1 : 0;
}

/* ---- sockets ------------------------------------------------------------------------------------ */

static curl_socket_t socket_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct api_transport *transport = ctx;
    const int on = 1, idle_s = KEEP_ALIVE_IDLE_S, interval_s = KEEP_ALIVE_INTERVAL_S;
    const unsigned silent_ms = API_PEER_SILENT_MS;

    (void)purpose;
    int fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (fd == -1)
        return CURL_SOCKET_BAD;
    transport->opened++;
    /* With keep-alive and a limit for what stays unacknowledged, a peer that is gone without a word
     * shows within that limit, idle or not (tcp(7)). A kernel that refuses leaves us with the
     * callers' own time limits. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof(idle_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &silent_ms, sizeof(silent_ms));
    return fd;
}

/* That of the connection that a transfer uses, which libcurl tells by its own end's port; NULL: it has none,
 * or libcurl does not want it watched. */
static struct transport_socket *socket_find(struct api_transport *transport,
                                            const struct api_transfer *transfer)
{
    uint16_t port;

    list_for_each (it, &transport->sockets) {
        struct transport_socket *socket = list_entry(it, struct transport_socket, link);

        if (socket_local_port(socket->watch.fd, &port) == 0 && port == transfer->local_port)
            return socket;
    }
    return NULL;
}

void api_transport_break_if_silent(struct api_transport *transport,
                                   const struct api_transfer *transfer)
{
    struct transport_socket *socket = socket_find(transport, transfer);

    if (!transfer->is_connected || !socket)
        return;
    uint64_t since_ms = socket->asked_ms ? socket->asked_ms : socket->read_ms;
    if (loop_now_ms(transport->loop) - since_ms < API_PEER_SILENT_MS)
        return;
    /* libcurl would go on to put calls on it; that it ended, libcurl sees. */
    shutdown(socket->watch.fd, SHUT_RDWR);
}

/* ---- life --------------------------------------------------------------------------------------- */

static CURLM *multi_new(struct api_transport *transport)
{
    CURLM *multi = curl_multi_init();

    if (!multi)
        return NULL;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, socket_watch);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, transport);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, timer_set);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, transport);
    curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_MULTIPLEX);
    curl_multi_setopt(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, (long)API_STREAMS_MAX);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS_KEPT_MAX);
    return multi;
}

int api_transport_new(struct loop *loop, const struct api_transport_events *events, void *ctx,
                      struct api_transport **ret_transport)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        return -ENOMEM;

    struct api_transport *transport = mem_alloc_zero(sizeof(*transport));
    transport->loop = loop;
    transport->events = events;
    transport->ctx = ctx;
    list_init(&transport->sockets);
    loop_timer_init(&transport->timer, on_timer);
    loop_task_init(&transport->task, on_due);
    transport->multi = multi_new(transport);
    if (!transport->multi) {
        api_transport_free(transport);
        return -ENOMEM;
    }
    *ret_transport = transport;
    return 0;
}

struct api_transport *api_transport_free(struct api_transport *transport)
{
    if (!transport)
        return NULL;
    curl_multi_cleanup(transport->multi); /* NULL is fine; sockets go with their connections */
    list_for_each_safe (it, &transport->sockets)
        socket_free(list_entry(it, struct transport_socket, link));
    loop_timer_cancel(&transport->timer);
    loop_task_cancel(&transport->task);
    curl_global_cleanup();
    return mem_free(transport);
}

/* ---- transfers ----------------------------------------------------------------------------------- */

bool api_transport_has_room(const struct api_transport *transport)
{
    return transport->connecting == 0 || transport->running < transport->standing * API_STREAMS_MAX;
}

static void socket_note_request(struct transport_socket *socket)
{
    if (!socket->asked_ms)
        socket->asked_ms = loop_now_ms(socket->transport->loop);
    if (socket->is_standing)
        return;
    socket->is_standing = true;
    socket->transport->standing++;
}

static int on_request(void *ctx, char *peer, char *local, int peer_port, int local_port)
{
    struct api_transfer *transfer = ctx;
    struct api_transport *transport = transfer->transport;

    (void)peer, (void)local, (void)peer_port;
    transfer->local_port = (uint16_t)local_port;
    struct transport_socket *socket = socket_find(transport, transfer);
    if (socket)
        socket_note_request(socket);
    if (!transfer->is_connected) {
        transfer->is_connected = true;
        transport->connecting--;
        transport->events->on_room(transport->ctx);
    }
    return CURL_PREREQFUNC_OK;
}

void api_transport_add(struct api_transport *transport, struct api_transfer *transfer)
{
    CURL *easy = transfer->easy;

    curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, socket_open);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transport);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, transfer);
    transfer->transport = transport;
    transfer->is_running = true;
    transfer->is_connected = false;
    transport->running++;
    transport->connecting++;
    invariant(curl_multi_add_handle(transport->multi, easy) == CURLM_OK);
}

void api_transport_remove(struct api_transport *transport, struct api_transfer *transfer)
{
    if (!transfer->is_running)
        return;
    invariant(curl_multi_remove_handle(transport->multi, transfer->easy) == CURLM_OK);
    transfer->is_running = false;
    transport->running--;
    if (!transfer->is_connected) {
        transport->connecting--;
        transport->events->on_room(transport->ctx);
    }
}

/* The end of a pause has libcurl try to read (curl_easy_pause(3)). */
void api_transport_nudge(struct api_transfer *transfer)
{
    (void)curl_easy_pause(transfer->easy, CURLPAUSE_RECV);
    (void)curl_easy_pause(transfer->easy, CURLPAUSE_CONT);
}

uint64_t api_transport_connections(const struct api_transport *transport)
{
    return transport->opened;
}
