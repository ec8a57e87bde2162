#include "proxy/exchange/routing.h"

#include "proxy/exchange/attempt.h"
#include "proxy/exchange/client_auth.h"
#include "proxy/exchange/origin.h"
#include "proxy/exchange/request_head.h"
#include "proxy/exchange/stages/stage.h"
#include "proxy/limits.h"
#include "proxy/worker.h"
#include "route/model.h"

/* For what is not the cluster's business: the controller's admin endpoint. */
static const struct image_policy admin_policy = {
    .connect_timeout_ms = 1000,
    .read_timeout_ms = 15000,
    .send_timeout_ms = 15000,
    .retry_tries = 3,
    .retry_on = ROUTE_RETRY_ERROR,
    .body_bytes_max = 1 << 20,
};

/* The health listener: probes are answered by the worker itself, so that a controller's crash takes
 * nothing out of service; all else is the controller's. */
static void health_route(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    if (span_eq(exchange->path, SPAN("/livez"))) {
        exchange_respond(exchange, 200, SPAN_EMPTY);
        return;
    }
    if (span_eq(exchange->path, worker->health_check_path) ||
        span_eq(exchange->path, SPAN("/readyz"))) {
        exchange_respond(exchange, worker_is_ready(worker) ? 200 : 503, SPAN_EMPTY);
        return;
    }
    if (worker->admin_name.len == 0) {
        exchange_respond(exchange, 404, SPAN_EMPTY);
        return;
    }
    exchange->policy = &admin_policy;
    attempt_begin(exchange);
}

static bool header_find(const void *ctx, struct span name, struct span *ret_value)
{
    const struct http_head *request = ctx;
    const struct http_header *header = http_head_find_text(request, name);

    if (header)
        *ret_value = http_header_value(header);
    return header != NULL;
}

/* Sets rule, policy, service and endpoints. Returns an image_match_result; *ret_host is NULL where no host
 * took it. */
static int rule_find(struct exchange *exchange, const struct image_host **ret_host)
{
    const struct image_view *view = exchange->view;
    struct image_request request = {
        .host = exchange->host,
        .path = exchange->path,
        .method = exchange_method(exchange),
        .header_find = header_find,
        .header_ctx = &exchange->request,
    };
    struct image_match match;

    int r = image_match(view, &request, NULL, &match);
    *ret_host = match.host;
    if (r == IMAGE_MATCH_NONE)
        return r;
    exchange->rule = match.rule;
    exchange->policy = image_policy_get(view, match.rule->policy);
    const struct image_backend *backend = image_backend_choose(
        view, match.rule,
        match.rule->backends_len > 1 ? (uint32_t)random_next(&exchange->worker->random) : 0);
    if (backend) {
        exchange->service = image_service_get(view, backend->service);
        exchange->endpoints = image_endpoints_find(view, exchange->service->key);
    }
    return r;
}

static bool is_too_large(const struct exchange *exchange)
{
    uint64_t max = exchange->policy->body_bytes_max;

    return max > 0 && exchange->request.body == HTTP_BODY_LENGTH &&
           exchange->request.content_length > max;
}

/* The order is ingress-nginx's: body size, then filters, then endpoints. */
static void rule_run(struct exchange *exchange)
{
    if (is_too_large(exchange)) {
        exchange_respond(exchange, 413, SPAN_EMPTY);
        return;
    }
    if (stages_run(exchange) == STAGE_ANSWERED)
        return;
    if (exchange->endpoints.len == 0) {
        exchange_respond(exchange, 503, SPAN_EMPTY);
        return;
    }
    attempt_begin(exchange);
}

/* Takes the target and the host apart. 0, or the status that a bad one earns. */
static uint16_t request_understand(struct exchange *exchange, struct span target, char *path_text)
{
    struct http_head *request = &exchange->request;

    if (request->method == HTTP_CONNECT || request->method == HTTP_TRACE)
        return 405;
    if (target_parse(target, request->method, &exchange->target) != TARGET_OK)
        return 400;
    /* Of an absolute form too: OPTIONS of a whole server is for the backend of "/". */
    if (span_eq(exchange->target.path, SPAN("*")))
        exchange->path = SPAN("/");
    else if (target_normalise(exchange->target.path, path_text, &exchange->path) != TARGET_OK)
        return 400;
    if (request->host.len > sizeof(exchange->host_text) ||
        host_normalise(request->host, exchange->host_text, &exchange->host) != TARGET_OK)
        return 400;
    return 0;
}

/* Unknown hosts answer the health path too, as ingress-nginx's do: balancers probe it on port 80. */
static bool is_health_check(const struct exchange *exchange)
{
    return span_eq(exchange->path, exchange->worker->health_check_path);
}

/* By rules. False: a page of the host's own is to be found in its place. That is for all to see, so nobody
 * is judged a second time. */
static bool rules_route(struct exchange *exchange)
{
    const struct image_host *host;
    int r = rule_find(exchange, &host);

    if (host && host->client_auth != IMAGE_NONE && !exchange->client_auth) {
        int auth = client_auth_run(exchange, host);
        if (auth != CLIENT_AUTH_PASSES)
            return auth == CLIENT_AUTH_ANSWERED;
    }
    if (r != IMAGE_MATCH_OK && is_health_check(exchange))
        exchange_respond(exchange, worker_is_ready(exchange->worker) ? 200 : 503, SPAN_EMPTY);
    else if (r == IMAGE_MATCH_NONE)
        exchange_respond(exchange, 404, SPAN_EMPTY);
    else
        rule_run(exchange);
    return true;
}

/* False as above. */
static bool target_route(struct exchange *exchange, struct span target, char *path_text)
{
    uint16_t status = request_understand(exchange, target, path_text);

    if (status != 0)
        exchange_respond(exchange, status, SPAN_EMPTY);
    else if (exchange->is_health)
        health_route(exchange);
    else if (!exchange->view)
        exchange_respond(exchange, 503, SPAN_EMPTY);
    else
        return rules_route(exchange);
    return true;
}

void routing_run(struct exchange *exchange)
{
    struct span target = exchange->request.target;
    char path_text[PROXY_TARGET_BYTES_MAX];

    origin_find(exchange);
    request_id_choose(exchange);
    while (!target_route(exchange, target, path_text))
        target = image_str_get(exchange->view, exchange->client_auth->error_page);
    /* It may lie in path_text. The log names the target instead. */
    exchange->path = exchange->target.path;
}
