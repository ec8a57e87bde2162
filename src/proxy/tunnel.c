#include "proxy/tunnel.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/client.h"
#include "proxy/worker.h"

enum { TUNNEL_ARENA_BYTES = 2048 };

struct tunnel {
    struct worker *worker;
    struct client *client;
    struct upstream *upstream;
    struct pump to_upstream, to_client;
    bool to_upstream_over, to_client_over;
    struct loop_timer timer;
    struct loop_task again;
    uint64_t idle_timeout_ms;
    bool timed_out;
    uint64_t start_us;
    struct stats_slot *slot; /* NULL: counted nowhere */
    struct access_record record;
    struct http_head request; /* of the record */
    struct access_try tries[EXCHANGE_TRIES_LOGGED];
    struct arena arena; /* texts of the record */
};

static void head_copy(struct arena *arena, const struct http_head *from, struct http_head *to)
{
    *to = *from;
    to->method_text = arena_dup(arena, from->method_text);
    to->target = arena_dup(arena, from->target);
    to->host = arena_dup(arena, from->host);
    to->headers = arena_new_array(arena, struct http_header, from->headers_len);
    for (uint32_t i = 0; i < from->headers_len; i++) {
        to->headers[i] = from->headers[i];
        to->headers[i].name = arena_dup(arena, http_header_name(&from->headers[i])).ptr;
        to->headers[i].value = arena_dup(arena, http_header_value(&from->headers[i])).ptr;
    }
}

static void record_copy(struct tunnel *tunnel, const struct access_record *from)
{
    struct access_record *to = &tunnel->record;
    struct arena *arena = &tunnel->arena;

    *to = *from;
    head_copy(arena, from->request, &tunnel->request);
    to->request = &tunnel->request;
    memcpy(tunnel->tries, from->tries, from->tries_len * sizeof(from->tries[0]));
    to->tries = tunnel->tries;
    struct span *texts[] = { &to->client_ip,    &to->scheme,         &to->host,
                             &to->path,         &to->query,          &to->request_id,
                             &to->namespace,    &to->ingress,        &to->service,
                             &to->service_port, &to->upstream_name,  &to->tls_cipher,
                             &to->tls_protocol, &to->tls_server_name };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(arena, *texts[i]);
}

static void tunnel_on_ready(void *owner)
{
    struct tunnel *tunnel = owner;

    client_advance(tunnel->client);
}

static void tunnel_on_again(struct loop_task *task)
{
    client_advance(container_of(task, struct tunnel, again)->client);
}

static void tunnel_on_timeout(struct loop_timer *timer)
{
    struct tunnel *tunnel = container_of(timer, struct tunnel, timer);

    tunnel->timed_out = true;
    client_advance(tunnel->client);
}

void tunnel_begin(struct exchange *exchange)
{
    struct tunnel *tunnel = mem_alloc_zero(sizeof(*tunnel));
    struct access_record record = exchange_record(exchange);
    struct client *client = exchange->client;

    tunnel->worker = exchange->worker;
    tunnel->client = client;
    tunnel->upstream = exchange->upstream;
    tunnel->idle_timeout_ms = exchange->policy->read_timeout_ms;
    tunnel->start_us = exchange->start_us;
    tunnel->slot =
        exchange->rule ? stats_writer_slot(tunnel->worker->slots, exchange->rule->metric_id) : NULL;
    arena_init(&tunnel->arena, TUNNEL_ARENA_BYTES);
    record_copy(tunnel, &record);
    pump_init(&tunnel->to_upstream, &client->stream, &tunnel->upstream->stream, HTTP_BODY_TO_END, 0,
              HTTP_BODY_TO_END);
    pump_init(&tunnel->to_client, &tunnel->upstream->stream, &client->stream, HTTP_BODY_TO_END, 0,
              HTTP_BODY_TO_END);
    loop_timer_init(&tunnel->timer, tunnel_on_timeout);
    loop_task_init(&tunnel->again, tunnel_on_again);
    loop_timer_set(tunnel->worker->loop, &tunnel->timer, tunnel->idle_timeout_ms);
    upstream_own(tunnel->upstream, tunnel, tunnel_on_ready);
    exchange->upstream = NULL;
    loop_timer_cancel(&exchange->timer);
    tunnel->worker->tunnels_len++;
    client->tunnel = tunnel;
}

/* One direction. False: the tunnel is broken. */
static bool direction_run(struct tunnel *tunnel, struct pump *pump, bool *over)
{
    if (*over)
        return true;
    switch ((enum pump_result)pump_run(pump)) {
    case PUMP_DONE:
        *over = true;
        stream_end_output(pump->to);
        return true;
    case PUMP_AGAIN:
        loop_task_queue(tunnel->worker->loop, &tunnel->again);
        return true;
    case PUMP_WAIT_SOURCE:
    case PUMP_WAIT_SINK:
        return true;
    case PUMP_SOURCE_BAD:
    case PUMP_SOURCE_ENDED:
    case PUMP_SOURCE_FAILED:
    case PUMP_SINK_FAILED:
    case PUMP_TOO_LARGE:
        break;
    }
    return false;
}

int tunnel_run(struct tunnel *tunnel)
{
    uint64_t before = tunnel->to_upstream.bytes + tunnel->to_client.bytes;

    if (tunnel->timed_out)
        return TUNNEL_OVER;
    if (!direction_run(tunnel, &tunnel->to_upstream, &tunnel->to_upstream_over) ||
        !direction_run(tunnel, &tunnel->to_client, &tunnel->to_client_over))
        return TUNNEL_OVER;
    if (tunnel->to_upstream_over && tunnel->to_client_over)
        return TUNNEL_OVER;
    if (tunnel->to_upstream.bytes + tunnel->to_client.bytes != before)
        loop_timer_set(tunnel->worker->loop, &tunnel->timer, tunnel->idle_timeout_ms);
    return TUNNEL_GOES_ON;
}

struct tunnel *tunnel_end(struct tunnel *tunnel)
{
    struct worker *worker;

    if (!tunnel)
        return NULL;
    worker = tunnel->worker;
    uint64_t now_us = loop_now_us(worker->loop);
    struct access_record *record = &tunnel->record;

    record->duration_us = now_us - tunnel->start_us;
    record->wall_ns = clock_wall_ns();
    record->request_bytes += tunnel->to_upstream.bytes;
    record->response_bytes = tunnel->to_client.bytes;
    tunnel->tries[record->tries_len - 1].end_us = now_us;
    tunnel->tries[record->tries_len - 1].response_bytes = tunnel->to_client.bytes;
    if (tunnel->slot)
        stats_slot_count(tunnel->slot, record->status, record->duration_us, record->request_bytes,
                         record->response_bytes);
    access_log_add(&worker->access_log, record);

    loop_timer_cancel(&tunnel->timer);
    loop_task_cancel(&tunnel->again);
    upstream_close(tunnel->upstream);
    arena_deinit(&tunnel->arena);
    worker->tunnels_len--;
    return mem_free(tunnel);
}
