#include "proxy/l4/passthrough.h"

#include "base/mem.h"
#include "image/match.h"
#include "proxy/client/connection.h"
#include "proxy/client/tls_accept.h"
#include "proxy/l4/passage.h"
#include "proxy/limits.h"
#include "proxy/worker.h"
#include "tls/hello.h"

/* Nothing is sent and nothing is taken before the server name is known: what was read stays where it lies, for
 * whoever has the say next. */

static void speaker_leave(struct connection *connection)
{
    connection->speaker = mem_free(connection->speaker);
    loop_timer_cancel(&connection->timer);
}

static void terminate(struct connection *connection)
{
    speaker_leave(connection);
    tls_accept_begin(connection);
    if (connection->stream.watch.fd >= 0)
        connection->ops->advance(connection);
}

static void hello_take(struct connection *connection, struct span server_name)
{
    const struct image_view *view = connection->worker->view;
    const struct image_host *host =
        server_name.len > 0 ? image_host_find(view, server_name, NULL) : NULL;

    if (!host || host->passthrough == IMAGE_NONE) {
        terminate(connection);
        return;
    }
    speaker_leave(connection);
    passage_begin(connection, image_service_get(view, host->passthrough), server_name);
}

/* False: nothing more is there now, or the connection is gone. */
static bool hello_fill(struct connection *connection)
{
    struct stream *stream = &connection->stream;

    if (stream->in && iobuf_room(stream->in) == 0)
        stream->in = iobuf_enlarge(stream->pool, stream->in);
    switch ((enum stream_result)stream_fill(stream)) {
    case STREAM_OK:
        return true;
    case STREAM_WAIT:
        return false;
    case STREAM_END:
    case STREAM_FAILED:
        break;
    }
    stats_add(&connection->worker->stats->tls_handshake_failures, 1);
    connection_close(connection);
    return false;
}

static void passthrough_advance(struct connection *connection)
{
    char name[TLS_HELLO_NAME_MAX];
    struct span server_name;

    do {
        if (!connection->stream.in)
            continue;
        switch ((enum tls_hello_result)tls_hello_read(
            connection->speaker, iobuf_span(connection->stream.in), name, &server_name)) {
        case TLS_HELLO_OK:
            hello_take(connection, server_name);
            return;
        case TLS_HELLO_MORE:
            break;
        case TLS_HELLO_BAD: /* TLS itself has the words for it */
            terminate(connection);
            return;
        }
    } while (hello_fill(connection));
}

static void passthrough_on_timeout(struct connection *connection)
{
    stats_add(&connection->worker->stats->tls_handshake_failures, 1);
    connection_close(connection);
}

static void passthrough_end(struct connection *connection)
{
    connection->speaker = mem_free(connection->speaker);
}

static const struct speaker_ops passthrough_ops = {
    .advance = passthrough_advance,
    .on_timeout = passthrough_on_timeout,
    .close_idle = connection_close,
    .end = passthrough_end,
};

void passthrough_begin(struct connection *connection)
{
    connection_hand_over(connection, &passthrough_ops,
                         mem_alloc_zero(sizeof(struct tls_hello_scan)));
    connection_set_activity(connection, CONNECTION_READING);
    loop_timer_set(connection->worker->loop, &connection->timer, PROXY_TLS_HANDSHAKE_TIMEOUT_MS);
}
