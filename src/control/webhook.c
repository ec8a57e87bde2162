#include "control/webhook.h"

#include "base/clock.h"
#include "base/mem.h"

struct webhook {
    const struct reconcile *reconcile;
    struct webhook_options options;
    struct tls_files files;
    struct http_server *server;
    struct webhook_facts facts;
};

static struct tls_context *context_now(void *ctx)
{
    const struct webhook *webhook = ctx;

    return webhook->files.context;
}

static void serve(void *ctx, const struct http_request *request, struct http_answer *answer)
{
    struct webhook *webhook = ctx;
    uint64_t begin_ns = clock_mono_ns();
    const struct reconcile *reconcile = webhook->reconcile;
    struct admission_state state = {
        .options = webhook->options.ingress,
        .model = reconcile_model_is_current(reconcile) ? reconcile_model(reconcile) : NULL,
        .has_all_secrets = webhook->options.has_all_secrets,
        .selects_namespaces = webhook->options.selects_namespaces,
        .now_s = clock_wall_s(),
    };

    if (!reconcile_model(reconcile)) { /* nothing has been read, so nothing can be said */
        http_answer_status(answer, 503);
        return;
    }
    state.store = &reconcile_source(reconcile)->store;
    webhook->facts.counts[admission_answer(&state, request->body, answer)]++;
    webhook->facts.last_us = (clock_mono_ns() - begin_ns) / 1000;
}

int webhook_new(struct loop *loop, int listen_fd, const struct reconcile *reconcile,
                const struct webhook_options *options, struct webhook **ret_webhook)
{
    struct webhook *webhook = mem_alloc_zero(sizeof(*webhook));
    struct http_server_options server = {
        .name = "webhook",
        .methods = 1 << HTTP_POST,
        .connections_max = WEBHOOK_CONNECTIONS_MAX,
        .idle_ms = WEBHOOK_IDLE_MS,
        .body_bytes_max = WEBHOOK_BODY_BYTES,
        .bodies_bytes_max = WEBHOOK_BODIES_BYTES,
        .tls = context_now,
        .serve = serve,
        .ctx = webhook,
    };

    webhook->reconcile = reconcile;
    webhook->options = *options;
    int r = http_server_new(loop, listen_fd, &server, &webhook->server);
    if (r < 0) {
        mem_free(webhook);
        return r;
    }
    tls_files_init(&webhook->files, loop, &options->files);
    *ret_webhook = webhook;
    return 0;
}

struct webhook *webhook_free(struct webhook *webhook)
{
    if (!webhook)
        return NULL;
    http_server_free(webhook->server);
    tls_files_deinit(&webhook->files);
    return mem_free(webhook);
}

const struct webhook_facts *webhook_facts(const struct webhook *webhook)
{
    return &webhook->facts;
}
