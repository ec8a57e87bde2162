#include "control/admin_pages.h"

#include "base/clock.h"
#include "base/json.h"
#include "control/source_api.h"
#include "image/dump.h"
#include "image/routes_json.h"
#include "ingress/secrets.h"

static void metrics_page(const struct metrics_input *input, struct buf *out)
{
    metrics_write(input, out);
}

static void routes_page(const struct metrics_input *input, struct buf *out)
{
    image_routes_json(reconcile_serving(input->reconcile), out);
}

static void diagnostics_page(const struct metrics_input *input, struct buf *out)
{
    admin_diagnostics_json(reconcile_diags(input->reconcile), out);
}

static void secret_json(void *out, struct span namespace, struct span name)
{
    json_open(out, NULL, '{');
    json_text(out, "namespace", namespace);
    json_text(out, "name", name);
    json_close(out, '}');
}

/* Their names only; `yett rbac` makes rights of them. */
static void secrets_page(const struct metrics_input *input, struct buf *out)
{
    const struct reconcile *reconcile = input->reconcile;

    json_open(out, NULL, '{');
    json_open(out, "secrets", '[');
    ingress_secrets_each(&reconcile_source(reconcile)->store, reconcile_options(reconcile),
                         secret_json, out);
    json_close(out, ']');
    json_close(out, '}');
    buf_append_byte(out, '\n');
}

static void image_page(const struct metrics_input *input, struct buf *out)
{
    const struct image_view *view = reconcile_serving(input->reconcile);

    if (view)
        image_dump(view, out);
}

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_JSON "application/json"

static const struct {
    const char *path, *content_type;
    void (*write)(const struct metrics_input *input, struct buf *out);
} pages[] = {
    { "/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics_page },
    { "/api/v1/routes", TYPE_JSON, routes_page },
    { "/api/v1/diagnostics", TYPE_JSON, diagnostics_page },
    { "/api/v1/status", TYPE_JSON, admin_status_json },
    { "/api/v1/secrets", TYPE_JSON, secrets_page },
    { "/api/v1/image", TYPE_TEXT, image_page },
};

void admin_page(void *ctx, struct span path, struct http_answer *answer)
{
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        if (!span_eq(path, span_from_str(pages[i].path)))
            continue;
        answer->status = 200;
        answer->content_type = pages[i].content_type;
        pages[i].write(ctx, &answer->body);
        return;
    }
    answer->status = 404;
    answer->content_type = TYPE_TEXT;
    buf_append(&answer->body, SPAN("404 Not Found\n"));
}

/* ---- diagnostics ------------------------------------------------------------------------------
 */

void admin_diagnostics_json(const struct diag_list *diags, struct buf *out)
{
    buf_printf(out, "{\"errors\":%zu,\"warnings\":%zu,\"dropped\":%zu,\"diagnostics\":[",
               diags->errors, diags->warnings, diags->dropped);
    vec_for_each (diag, &diags->diags) {
        if (diag != diags->diags.items)
            buf_append_byte(out, ',');
        diag_format_json(diag, out);
    }
    buf_append(out, SPAN("]}\n"));
}

/* ---- status -----------------------------------------------------------------------------------
 */

static void time_json(struct buf *out, const char *key, uint64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];

    json_key(out, key);
    if (wall_ns == 0) {
        buf_append(out, SPAN("null"));
        return;
    }
    clock_format_rfc3339(wall_ns, text);
    buf_printf(out, "\"" SPAN_FMT "\"", CLOCK_RFC3339_LEN, text);
}

static void objects_json(const struct source *source, struct buf *out)
{
    json_open(out, "objects", '{');
    for (int kind = 0; kind < KUBE_KINDS_LEN; kind++)
        json_u64(out, kube_kind_name((enum kube_kind)kind),
                 kube_store_len(&source->store, (enum kube_kind)kind));
    json_close(out, '}');
}

static void workers_json(const struct metrics_input *input, struct buf *out)
{
    json_open(out, "workers", '[');
    for (size_t i = 0; i < input->pages_len; i++) {
        const struct stats_page *page = input->pages[i];
        json_open(out, NULL, '{');
        json_u64(out, "worker", i);
        json_u64(out, "pid", stats_get(&page->pid));
        json_u64(out, "starts", stats_get(&page->starts));
        json_u64(out, "generation", stats_get(&page->generation));
        json_u64(out, "connections", stats_get(&page->connections_active));
        json_u64(out, "requests", stats_get(&page->requests));
        json_close(out, '}');
    }
    json_close(out, ']');
}

static void cluster_json(const struct metrics_input *input, struct buf *out)
{
    struct source_api_facts facts = source_api_facts(reconcile_source(input->reconcile));

    json_open(out, "cluster", '{');
    json_text(out, "server", api_client_server(input->api));
    json_bool(out, "reachable", api_client_facts(input->api)->is_reachable);
    json_bool(out, "synced", facts.is_synced);
    json_bool(out, "in_step", facts.is_in_step);
    json_close(out, '}');
}

void admin_status_json(const struct metrics_input *input, struct buf *out)
{
    const struct reconcile_facts *facts = reconcile_facts(input->reconcile);

    json_open(out, NULL, '{');
    json_text(out, "version", SPAN(YETT_VERSION));
    json_u64(out, "generation", facts->generation);
    json_bool(out, "last_ok", facts->last_ok);
    json_u64(out, "successes", facts->successes);
    json_u64(out, "failures", facts->failures);
    time_json(out, "started", input->started_wall_ns);
    time_json(out, "last_success", facts->last_success_wall_ns);
    time_json(out, "last_failure", facts->last_failure_wall_ns);
    objects_json(reconcile_source(input->reconcile), out);
    if (input->api)
        cluster_json(input, out);
    workers_json(input, out);
    json_close(out, '}');
    buf_append_byte(out, '\n');
}
