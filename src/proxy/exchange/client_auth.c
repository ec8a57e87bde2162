#include "proxy/exchange/client_auth.h"

#include "base/buf.h"
#include "base/mem.h"
#include "proxy/client/connection.h"
#include "proxy/limits.h"
#include "proxy/worker.h"
#include "tls/peer.h"

/* A connection may carry requests for many hosts, and outlive what was configured when it began. So
 * nothing is taken for granted: the name that the handshake asked by must be the request's host, and the
 * client is judged by the authorities of now. Where the connection cannot show what is asked for now, the
 * client is told to come by another one (421). */

struct client_identity {
    unsigned refs;
    struct tls_context *judge; /* by whose authorities */
    struct arena texts;
    struct tls_peer peer;
    struct span
        certificate; /* as a header has it; empty: no backend asked for it yet, or there is none */
};

struct client_identity *client_identity_unref(struct client_identity *identity)
{
    if (!identity || --identity->refs > 0)
        return NULL;
    tls_context_unref(identity->judge);
    arena_deinit(&identity->texts);
    return mem_free(identity);
}

static struct client_identity *identity_make(const struct tls_codec *codec,
                                             struct tls_context *judge)
{
    struct client_identity *identity = mem_alloc_zero(sizeof(*identity));

    identity->refs = 1;
    identity->judge = tls_context_ref(judge);
    arena_init(&identity->texts, 256);
    tls_codec_peer(codec, judge, &identity->texts, &identity->peer);
    return identity;
}

/* The connection's, unless that was judged otherwise. */
static const struct tls_peer *identity_get(struct exchange *exchange, struct tls_context *judge)
{
    struct connection *connection = exchange->client->connection;
    struct client_identity *identity = connection->identity;

    if (!identity || identity->judge != judge) {
        client_identity_unref(identity);
        connection->identity = identity = identity_make(connection->stream.tls, judge);
    }
    exchange->identity = identity;
    identity->refs++;
    return &identity->peer;
}

const struct tls_peer *client_auth_peer(const struct exchange *exchange)
{
    static const struct tls_peer nobody = {
        .verdict = TLS_PEER_NONE,
        .verify = { "NONE", 4 },
        .subject_dn = { "", 0 },
        .issuer_dn = { "", 0 },
        .serial = { "", 0 },
        .fingerprint = { "", 0 },
    };

    return exchange->identity ? &exchange->identity->peer : &nobody;
}

static int refuse(struct exchange *exchange, uint16_t status, struct span words)
{
    exchange->client_may_keep = false;
    exchange->page_words = words;
    exchange_respond(exchange, status, SPAN_EMPTY);
    return CLIENT_AUTH_ANSWERED;
}

/* ---- the page of the host's own, in place of a bare 400 ---- */

static bool is_url(struct span page)
{
    return span_starts_with(page, SPAN("http://")) || span_starts_with(page, SPAN("https://"));
}

static int redirect(struct exchange *exchange, struct span page)
{
    struct buf location = { 0 };

    exchange->client_may_keep = false;
    buf_append(&location, SPAN("Location: "));
    buf_append(&location, page);
    buf_append(&location, SPAN("\r\n"));
    exchange_respond(exchange, 302, buf_span(&location));
    buf_deinit(&location);
    return CLIENT_AUTH_ANSWERED;
}

/* As a GET without a body, whatever was asked for: it is not what the client sent, which the log tells. */
static int page_ask(struct exchange *exchange)
{
    struct http_head *request = &exchange->request;

    if (request->method != HTTP_HEAD) {
        request->method = HTTP_GET;
        exchange->asks_for_page = true;
    }
    if (!exchange->body_is_whole)
        exchange->client_may_keep = false;
    request->body = HTTP_BODY_NONE;
    exchange->body_is_whole = true;
    exchange->whole_body = SPAN_EMPTY;
    exchange->wants_continue = exchange->upgrade_asked = false;
    return CLIENT_AUTH_ELSEWHERE;
}

/* ingress-nginx's words. */
static int refuse_certificate(struct exchange *exchange)
{
    struct span page = image_str_get(exchange->view, exchange->client_auth->error_page);
    bool is_missing = client_auth_peer(exchange)->verdict == TLS_PEER_NONE;

    if (is_url(page))
        return redirect(exchange, page);
    if (span_starts_with(page, SPAN("/")))
        return page_ask(exchange);
    return refuse(exchange, 400,
                  is_missing ? SPAN("No required SSL certificate was sent")
                             : SPAN("The SSL certificate error"));
}

/* ---- the judgement ---- */

static bool verdict_suffices(enum tls_peer_verdict verdict, enum route_client_auth_mode mode)
{
    switch (verdict) {
    case TLS_PEER_VERIFIED:
        return true;
    case TLS_PEER_NONE:
        return mode != ROUTE_CLIENT_AUTH_ON;
    case TLS_PEER_UNTRUSTED:
        return mode == ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA;
    case TLS_PEER_BAD:
    case TLS_PEER_STALE:
        return false;
    }
    unreachable();
}

/* Over TLS, for a host that asks for certificates. */
static int client_judge(struct exchange *exchange, const struct image_host *host)
{
    struct worker *worker = exchange->worker;
    struct span server_name = tls_codec_server_name(exchange->client->connection->stream.tls);

    if (image_host_find(exchange->view, server_name, NULL) != host)
        return refuse(exchange, 421, SPAN_EMPTY);
    struct tls_context *judge =
        certificates_choose(&worker->certificates, exchange->view, server_name);
    if (!judge)
        return refuse(exchange, 403, SPAN_EMPTY);
    enum tls_peer_verdict verdict = identity_get(exchange, judge)->verdict;
    if (verdict == TLS_PEER_STALE)
        return refuse(exchange, 421, SPAN_EMPTY);
    if (!verdict_suffices(verdict, (enum route_client_auth_mode)exchange->client_auth->mode))
        return refuse_certificate(exchange);
    return CLIENT_AUTH_PASSES;
}

/* Without TLS there is no subject; few expressions match that. */
static int subject_match(struct exchange *exchange)
{
    struct span expression = image_str_get(exchange->view, exchange->client_auth->match_cn);

    if (expression.len == 0 || patterns_match(&exchange->worker->patterns, expression,
                                              client_auth_peer(exchange)->subject_dn) == PATTERN_OK)
        return CLIENT_AUTH_PASSES;
    return refuse(exchange, 403, SPAN("client certificate unauthorized"));
}

int client_auth_run(struct exchange *exchange, const struct image_host *host)
{
    int r = CLIENT_AUTH_PASSES;

    exchange->client_auth = image_client_auth_get(exchange->view, host->client_auth);
    switch ((enum route_client_auth_mode)exchange->client_auth->mode) {
    case ROUTE_CLIENT_AUTH_BROKEN:
        return refuse(exchange, 403, SPAN_EMPTY);
    case ROUTE_CLIENT_AUTH_OFF:
        break;
    case ROUTE_CLIENT_AUTH_ON:
    case ROUTE_CLIENT_AUTH_OPTIONAL:
    case ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA:
        if (exchange->client->connection->stream.tls)
            r = client_judge(exchange, host);
        break;
    }
    return r == CLIENT_AUTH_PASSES ? subject_match(exchange) : r;
}

void client_auth_record(const struct exchange *exchange, struct access_client *ret_client)
{
    const struct tls_peer *peer = client_auth_peer(exchange);

    if (exchange->client_auth)
        *ret_client = (struct access_client){ .verify = peer->verify,
                                              .subject_dn = peer->subject_dn,
                                              .issuer_dn = peer->issuer_dn,
                                              .serial = peer->serial,
                                              .fingerprint = peer->fingerprint };
}

/* ---- what backends hear ---- */

#define FIELD_VERIFY      "ssl-client-verify"
#define FIELD_SUBJECT_DN  "ssl-client-subject-dn"
#define FIELD_ISSUER_DN   "ssl-client-issuer-dn"
#define FIELD_CERTIFICATE "ssl-client-cert"

/* CGI and its heirs read "a_b" as "a-b". */
static bool name_is(struct span name, struct span field)
{
    if (name.len != field.len)
        return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);

        if ((c == '_' ? '-' : c) != field.ptr[i])
            return false;
    }
    return true;
}

bool client_auth_is_field(struct span name)
{
    return name_is(name, SPAN(FIELD_VERIFY)) || name_is(name, SPAN(FIELD_SUBJECT_DN)) ||
           name_is(name, SPAN(FIELD_ISSUER_DN)) || name_is(name, SPAN(FIELD_CERTIFICATE));
}

static void field_put(struct head_out *out, struct span name, struct span value)
{
    if (value.len > 0)
        head_put_field(out, name, value);
}

/* Made for the first backend that is to have it. */
static struct span certificate_get(const struct exchange *exchange)
{
    struct client_identity *identity = exchange->identity;

    if (!identity || identity->peer.verdict == TLS_PEER_NONE)
        return SPAN_EMPTY;
    if (identity->certificate.len == 0)
        identity->certificate =
            tls_codec_peer_certificate(exchange->client->connection->stream.tls, &identity->texts);
    return identity->certificate;
}

/* In the clear nothing was verified, not even that there is none. */
void client_auth_put(const struct exchange *exchange, struct head_out *out)
{
    const struct tls_peer *peer = client_auth_peer(exchange);

    if (!exchange->client->connection->stream.tls)
        return;
    field_put(out, SPAN(FIELD_VERIFY), peer->verify);
    field_put(out, SPAN(FIELD_SUBJECT_DN), peer->subject_dn);
    field_put(out, SPAN(FIELD_ISSUER_DN), peer->issuer_dn);
    if (exchange->client_auth->flags & IMAGE_CLIENT_AUTH_PASS_CERTIFICATE)
        field_put(out, SPAN(FIELD_CERTIFICATE), certificate_get(exchange));
}
