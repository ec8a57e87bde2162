#include "proxy/client/tls_accept.h"

#include "proxy/client/h1_client.h"
#include "proxy/client/h2_client.h"
#include "proxy/limits.h"
#include "proxy/worker.h"

static struct tls_context *context_choose(void *ctx, struct span server_name)
{
    struct worker *worker = ctx;

    return certificates_choose(&worker->certificates, worker->view, server_name);
}

/* Whoever speaks HTTP to the TLS port is told so in HTTP. */
static void plain_http_refuse(struct connection *connection)
{
    struct stream *stream = &connection->stream;

    if (!tls_codec_saw_plain_http(stream->tls)) {
        connection_close(connection);
        return;
    }
    stream->tls = tls_codec_free(stream->tls);
    stream->error = 0;
    stream->may_read = stream->may_write = true;
    h1_client_refuse(connection, 400);
}

static void tls_accept_advance(struct connection *connection)
{
    struct stats_page *stats = connection->worker->stats;

    switch ((enum stream_result)stream_fill(&connection->stream)) {
    case STREAM_OK:
    case STREAM_WAIT:
        break;
    case STREAM_END:
    case STREAM_FAILED:
        if (connection->stream.handshake_done)
            break; /* it came to say no more than that, as probes do */
        stats_add(&stats->tls_handshake_failures, 1);
        plain_http_refuse(connection);
        return;
    }
    if (!connection->stream.handshake_done)
        return;
    stats_add(&stats->tls_handshakes, 1);
    if (tls_codec_alpn(connection->stream.tls) == TLS_ALPN_HTTP2)
        h2_client_begin(connection);
    else
        h1_client_begin(connection);
    connection->ops->advance(connection);
}

static void tls_accept_end(struct connection *connection)
{
    (void)connection; /* the stream owns the codec */
}

static const struct speaker_ops tls_accept_ops = {
    .advance = tls_accept_advance,
    .on_timeout = connection_close,
    .close_idle = connection_close,
    .end = tls_accept_end,
};

void tls_accept_begin(struct connection *connection)
{
    struct worker *worker = connection->worker;
    struct tls_context *initial =
        worker->view ? certificates_initial(&worker->certificates, worker->view) : NULL;

    connection_hand_over(connection, &tls_accept_ops, NULL);
    if (!initial) {
        connection_close(connection);
        return;
    }
    if (!stream_begin_tls(&connection->stream, tls_codec_new(initial, context_choose, worker))) {
        connection_close(connection);
        return;
    }
    connection_set_activity(connection, CONNECTION_READING);
    loop_timer_set(worker->loop, &connection->timer, PROXY_TLS_HANDSHAKE_TIMEOUT_MS);
}
