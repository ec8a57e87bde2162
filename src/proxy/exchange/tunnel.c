#include "proxy/exchange/tunnel.h"

#include "base/clock.h"
#include "base/mem.h"
#include "proxy/body/duplex.h"
#include "proxy/exchange/exchange.h"
#include "proxy/worker.h"

enum { TUNNEL_ARENA_BYTES = 2048 };

struct tunnel {
    struct worker *worker;
    struct downstream *client;
    struct upstream *upstream;
    struct duplex duplex;
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
    struct span *texts[] = { &to->client_ip,
                             &to->scheme,
                             &to->host,
                             &to->path,
                             &to->query,
                             &to->request_id,
                             &to->namespace,
                             &to->ingress,
                             &to->service,
                             &to->service_port,
                             &to->upstream_name,
                             &to->tls_cipher,
                             &to->tls_protocol,
                             &to->tls_server_name,
                             &to->tls_client.verify,
                             &to->tls_client.subject_dn,
                             &to->tls_client.issuer_dn,
                             &to->tls_client.serial,
                             &to->tls_client.fingerprint };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(arena, *texts[i]);
}

static void tunnel_on_ready(void *owner)
{
    struct tunnel *tunnel = owner;

    tunnel->client->ops->advance(tunnel->client);
}

static void tunnel_on_again(struct loop_task *task)
{
    struct downstream *client = container_of(task, struct tunnel, again)->client;

    client->ops->advance(client);
}

static void tunnel_on_timeout(struct loop_timer *timer)
{
    struct tunnel *tunnel = container_of(timer, struct tunnel, timer);

    tunnel->timed_out = true;
    tunnel->client->ops->advance(tunnel->client);
}

void tunnel_begin(struct exchange *exchange)
{
    struct tunnel *tunnel = mem_alloc_zero(sizeof(*tunnel));
    struct access_record record = exchange_record(exchange);
    struct downstream *client = exchange->client;
    struct upstream *upstream = exchange->upstream;

    tunnel->worker = exchange->worker;
    tunnel->client = client;
    tunnel->upstream = upstream;
    tunnel->idle_timeout_ms = exchange->policy->read_timeout_ms;
    tunnel->start_us = exchange->start_us;
    tunnel->slot =
        exchange->rule ? stats_writer_slot(tunnel->worker->slots, exchange->rule->metric_id) : NULL;
    arena_init(&tunnel->arena, TUNNEL_ARENA_BYTES);
    record_copy(tunnel, &record);
    client->ops->tunnel_begin(client);
    upstream->ops->tunnel_begin(upstream);
    duplex_init(&tunnel->duplex, client->source, upstream->sink, upstream->source, client->sink);
    loop_timer_init(&tunnel->timer, tunnel_on_timeout);
    loop_task_init(&tunnel->again, tunnel_on_again);
    loop_timer_set(tunnel->worker->loop, &tunnel->timer, tunnel->idle_timeout_ms);
    upstream_own(upstream, tunnel, tunnel_on_ready);
    exchange->upstream = NULL;
    loop_timer_cancel(&exchange->timer);
    client->tunnel = tunnel;
}

int tunnel_run(struct tunnel *tunnel)
{
    struct loop *loop = tunnel->worker->loop;
    uint64_t before = duplex_bytes(&tunnel->duplex);

    if (tunnel->timed_out)
        return TUNNEL_OVER;
    int r = duplex_run(&tunnel->duplex);
    if (r == DUPLEX_OVER)
        return TUNNEL_OVER;
    if (r == DUPLEX_AGAIN)
        loop_task_queue(loop, &tunnel->again);
    if (duplex_bytes(&tunnel->duplex) != before)
        loop_timer_set(loop, &tunnel->timer, tunnel->idle_timeout_ms);
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
    record->request_bytes += tunnel->duplex.to_upstream.bytes;
    record->response_bytes = tunnel->duplex.to_client.bytes;
    tunnel->tries[record->tries_len - 1].end_us = now_us;
    tunnel->tries[record->tries_len - 1].response_bytes = tunnel->duplex.to_client.bytes;
    if (tunnel->slot)
        stats_slot_count(tunnel->slot, record->status, record->duration_us, record->request_bytes,
                         record->response_bytes);
    access_log_add(&worker->access_log, record);

    loop_timer_cancel(&tunnel->timer);
    loop_task_cancel(&tunnel->again);
    upstream_release(tunnel->upstream, false);
    arena_deinit(&tunnel->arena);
    return mem_free(tunnel);
}
