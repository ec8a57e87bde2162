#include "proxy/l4/udp_session.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/limits.h"
#include "proxy/upstream/choose.h"
#include "proxy/worker.h"
#include "route/model.h"

enum { STATUS_OK = 200, STATUS_ENDPOINT_FAILED = 502 }; /* nginx's, for the log */

/* ---- the table ---- */

static void sessions_on_flush(struct loop_task *task)
{
    udp_sessions_flush(container_of(task, struct udp_sessions, flush));
}

static uint32_t sessions_max(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur / 4 > PROXY_UDP_SESSIONS_MAX)
        return PROXY_UDP_SESSIONS_MAX;
    return MAX((uint32_t)(limit.rlim_cur / 4), 1u);
}

void udp_sessions_init(struct udp_sessions *sessions, struct worker *worker)
{
    *sessions = (struct udp_sessions){ .worker = worker };
    sessions->seed = random_next(&worker->random);
    sessions->max = sessions_max();
    list_init(&sessions->unproven);
    list_init(&sessions->proven);
    loop_task_init(&sessions->flush, sessions_on_flush);
}

void udp_sessions_prepare(struct udp_sessions *sessions)
{
    if (sessions->received)
        return;
    sessions->received = udp_batch_new();
    sessions->answers = udp_batch_new();
}

void udp_sessions_end_all(struct udp_sessions *sessions)
{
    list_for_each_safe (it, &sessions->unproven)
        udp_session_end(list_entry(it, struct udp_session, in_rank));
    list_for_each_safe (it, &sessions->proven)
        udp_session_end(list_entry(it, struct udp_session, in_rank));
}

void udp_sessions_deinit(struct udp_sessions *sessions)
{
    udp_sessions_end_all(sessions);
    loop_task_cancel(&sessions->flush);
    sessions->received = udp_batch_free(sessions->received);
    sessions->answers = udp_batch_free(sessions->answers);
    idmap_deinit(&sessions->by_id);
}

void udp_sessions_flush(struct udp_sessions *sessions)
{
    struct udp_port *port = sessions->answering;

    sessions->answering = NULL;
    if (!port)
        return;
    uint32_t lost = udp_batch_send(sessions->answers, port->fd, port->is_v6);
    if (lost > 0)
        stats_add(&sessions->worker->stats->udp_datagrams_dropped, lost);
}

/* Used just now: it goes last. */
static void rank_refresh(struct udp_sessions *sessions, struct udp_session *session)
{
    list_remove(&session->in_rank);
    list_push_back(session->is_proven ? &sessions->proven : &sessions->unproven, &session->in_rank);
}

static void place_make(struct udp_sessions *sessions)
{
    struct list *rank =
        list_is_empty(&sessions->unproven) ? &sessions->proven : &sessions->unproven;

    if (sessions->len < sessions->max)
        return;
    stats_add(&sessions->worker->stats->udp_sessions_evicted, 1);
    log_limited(LOG_WARN, "udp_sessions_limit_reached", F_UINT("limit", sessions->max));
    udp_session_end(list_entry(rank->next, struct udp_session, in_rank));
}

static bool path_eq(const struct udp_path *a, const struct udp_path *b)
{
    return ip_eq(&a->remote, &b->remote) && ip_eq(&a->local, &b->local) &&
           a->remote_port == b->remote_port && a->interface == b->interface;
}

/* The seed is nobody else's: senders cannot choose addresses that meet in one slot. */
static uint64_t id_of(const struct udp_sessions *sessions, const struct udp_port *port,
                      const struct udp_path *path)
{
    uint64_t rest =
        (uint64_t)path->interface << 32 | (uint64_t)path->remote_port << 16 | port->number;
    uint64_t hash = hash_bytes(span_of((const char *)path->remote.bytes, 16), sessions->seed);

    hash = hash_bytes(span_of((const char *)path->local.bytes, 16), hash);
    return hash_bytes(span_of((const char *)&rest, sizeof(rest)), hash);
}

/* ---- one session ---- */

static void record_write(struct udp_session *session)
{
    static const struct http_head no_request;
    struct worker *worker = session->port->worker;
    char ip_text[IP_TEXT_MAX];
    struct access_record record = {
        .request = &no_request,
        .protocol = SPAN("UDP"),
        .client_ip = span_of(ip_text, ip_format(&session->path.remote, ip_text)),
        .peer_ip = session->path.remote,
        .client_port = session->path.remote_port,
        .server_port = session->port->number,
        .status = session->status,
        .request_bytes = session->received_bytes,
        .response_bytes = session->sent_bytes,
        .duration_us = loop_now_us(worker->loop) - session->start_us,
        .wall_ns = clock_wall_ns(),
        .upstream_name = session->upstream_name,
        .tries = &session->tried,
        .tries_len = 1,
    };

    session->tried.end_us = loop_now_us(worker->loop);
    session->tried.response_bytes = session->sent_bytes;
    access_log_add_stream(&worker->access_log, &record);
}

void udp_session_end(struct udp_session *session)
{
    struct udp_port *port = session->port;
    struct worker *worker = port->worker;
    struct udp_sessions *sessions = &worker->udp;
    int fd = session->watch.fd;

    stats_add(&worker->stats->stream_received_bytes, session->received_bytes);
    stats_add(&worker->stats->stream_sent_bytes, session->sent_bytes);
    if (session->status != STATUS_OK)
        stats_add(&worker->stats->stream_failures, 1);
    record_write(session);
    loop_timer_cancel(&session->timer);
    loop_watch_forget(worker->loop, &session->watch);
    close(fd);
    session->endpoint->connections--;
    idmap_remove(&sessions->by_id, session->id);
    list_remove(&session->in_rank);
    list_remove(&session->in_port);
    sessions->len--;
    mem_free((char *)session->upstream_name.ptr);
    loop_defer_free(worker->loop, session);
    udp_port_note_end(port);
}

static void session_failed(struct udp_session *session, int error)
{
    struct worker *worker = session->port->worker;

    log_limited(LOG_WARN, "upstream_connect_failed", F_SPAN("upstream", session->upstream_name),
                F_ERRNO(error));
    endpoint_failed(&worker->endpoints, session->endpoint, error);
    session->status = STATUS_ENDPOINT_FAILED;
    udp_session_end(session);
}

static const struct image_settings *settings_of(const struct worker *worker)
{
    return image_settings_get(worker->view);
}

/* As many answers as are expected to what was asked so far. */
static bool is_answered(const struct udp_session *session)
{
    uint64_t expected = settings_of(session->port->worker)->stream_responses;

    return session->responses >= expected * session->requests;
}

/* ---- endpoint → client ---- */

/* False: nothing more is there, or the session is over. */
static bool answer_take(struct udp_session *session)
{
    struct udp_port *port = session->port;
    ssize_t len = recv(session->watch.fd, udp_port_room(port), UDP_BYTES_MAX, MSG_DONTWAIT);

    if (len == -1) {
        if (errno != EAGAIN && errno != EINTR)
            session_failed(session, -errno);
        return false;
    }
    endpoint_trust(&port->worker->endpoints, session->endpoint);
    session->responses++;
    session->sent_bytes += (uint64_t)len;
    udp_port_answer(port, &session->path, (size_t)len);
    if (!is_answered(session))
        return true;
    udp_session_end(session);
    return false;
}

static void session_on_events(struct loop_watch *watch, uint32_t events)
{
    struct udp_session *session = container_of(watch, struct udp_session, watch);
    struct worker *worker = session->port->worker;

    (void)events;
    loop_timer_set(worker->loop, &session->timer, settings_of(worker)->stream_timeout_ms);
    rank_refresh(&worker->udp, session);
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        if (!answer_take(session))
            return;
    }
}

static void session_on_timeout(struct loop_timer *timer)
{
    udp_session_end(container_of(timer, struct udp_session, timer));
}

/* ---- client → endpoint ---- */

/* An answer that comes after this begins a session anew: nobody waits here for names. */
static void on_resolved(struct resolver_query *query)
{
    (void)query;
}

/* NULL: none is there, or its name is not known yet. */
static struct endpoint *endpoint_find(struct worker *worker, const struct image_service *service)
{
    struct choice choice = { .service = service,
                             .endpoints = image_endpoints_find(worker->view, service->key) };
    struct resolver_query query;
    struct endpoint *endpoint = NULL;

    if (choice.endpoints.len == 0)
        return NULL;
    resolver_query_init(&query, on_resolved);
    int r = endpoint_choose(worker, &choice, &query, &endpoint);
    resolver_query_cancel(&query);
    return r == RESOLVER_OK ? endpoint : NULL;
}

static const struct image_service *service_of(const struct udp_port *port)
{
    const struct image_view *view = port->worker->view;
    const struct image_listener *listener =
        image_listener_find(view, ROUTE_TRANSPORT_UDP, port->number);

    return listener ? image_service_get(view, listener->service) : NULL;
}

static void session_add(struct udp_session *session)
{
    struct udp_sessions *sessions = &session->port->worker->udp;

    idmap_put(&sessions->by_id, session->id, session);
    list_push_back(&sessions->unproven, &session->in_rank);
    list_push_back(&session->port->sessions, &session->in_port);
    sessions->len++;
    session->endpoint->connections++;
}

/* NULL: there is no endpoint, or no socket for it. */
static struct udp_session *session_begin(struct udp_port *port, const struct udp_path *path,
                                         uint64_t id)
{
    struct worker *worker = port->worker;
    const struct image_service *service = service_of(port);
    struct endpoint *endpoint = service ? endpoint_find(worker, service) : NULL;

    if (!endpoint)
        return NULL;
    place_make(&worker->udp);
    int fd = udp_connect(&endpoint->ip, endpoint->port);
    if (fd < 0) {
        log_limited(LOG_WARN, "udp_socket_failed", F_ERRNO(fd));
        return NULL;
    }
    struct udp_session *session = mem_alloc_zero(sizeof(*session));
    session->watch = (struct loop_watch){ -1, 0, session_on_events };
    if (loop_watch_add_level(worker->loop, &session->watch, fd, LOOP_READ) < 0) {
        close(fd);
        mem_free(session);
        return NULL;
    }
    session->id = id;
    session->path = *path;
    session->port = port;
    session->endpoint = endpoint;
    session->checked_generation = worker->view->generation;
    session->status = STATUS_OK;
    session->start_us = loop_now_us(worker->loop);
    session->tried = (struct access_try){ .ip = endpoint->ip,
                                          .port = endpoint->port,
                                          .start_us = session->start_us };
    struct span name = image_str_get(worker->view, service->upstream_name);
    session->upstream_name = span_of(mem_dup(name.ptr, name.len), name.len);
    loop_timer_init(&session->timer, session_on_timeout);
    loop_timer_set(worker->loop, &session->timer, settings_of(worker)->stream_timeout_ms);
    session_add(session);
    stats_add(&worker->stats->udp_sessions, 1);
    return session;
}

/* An endpoint that left its Service gets nothing more: whoever has its address next would. An
 * ExternalName's is not in the image; its time is the session's. */
static bool endpoint_is_current(struct udp_session *session)
{
    const struct image_view *view = session->port->worker->view;

    if (session->checked_generation == view->generation || session->endpoint->is_resolved)
        return true;
    const struct image_service *service = service_of(session->port);
    struct image_endpoints endpoints = { 0 };
    if (service)
        endpoints = image_endpoints_find(view, service->key);
    for (uint32_t i = 0; i < endpoints.len; i++) {
        if (endpoints.items[i].id == session->endpoint->id) {
            session->checked_generation = view->generation;
            return true;
        }
    }
    return false;
}

/* The session of `path`, fit for another datagram, or NULL. */
static struct udp_session *session_find(struct udp_port *port, const struct udp_path *path,
                                        uint64_t id)
{
    struct udp_session *session = idmap_find(&port->worker->udp.by_id, id);

    if (!session)
        return NULL;
    if (session->port == port && path_eq(&session->path, path) && endpoint_is_current(session))
        return session;
    udp_session_end(session);
    return NULL;
}

static void datagram_count(struct udp_session *session, struct span datagram)
{
    struct worker *worker = session->port->worker;

    session->is_proven |= session->responses > 0;
    session->requests++;
    session->received_bytes += datagram.len;
    rank_refresh(&worker->udp, session);
    loop_timer_set(worker->loop, &session->timer, settings_of(worker)->stream_timeout_ms);
}

/* 0 or -errno. What an earlier datagram met may only be heard of now: then the session is over. */
static int datagram_send(struct udp_session *session, struct span datagram)
{
    ssize_t sent = send(session->watch.fd, datagram.ptr, datagram.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    int error = sent == -1 ? -errno : 0;

    if (error == 0 || error == -EAGAIN || error == -EMSGSIZE || error == -ENOBUFS)
        return error;
    session_failed(session, error);
    return -ECONNREFUSED;
}

static void drop(struct udp_port *port)
{
    stats_add(&port->worker->stats->udp_datagrams_dropped, 1);
}

void udp_session_take(struct udp_port *port, const struct udp_path *path, struct span datagram)
{
    uint64_t id = id_of(&port->worker->udp, port, path);
    struct udp_session *session = session_find(port, path, id);

    /* A second go is for the endpoint that turned out to refuse: another one gets this very datagram. */
    for (int go = 0; go < 2; go++) {
        if (!session)
            session = session_begin(port, path, id);
        if (!session)
            break;
        int r = datagram_send(session, datagram);
        if (r == 0) {
            datagram_count(session, datagram);
            if (settings_of(port->worker)->stream_responses == 0)
                udp_session_end(session); /* none is waited for */
            return;
        }
        if (r != -ECONNREFUSED)
            break;
        session = NULL;
    }
    drop(port);
}
