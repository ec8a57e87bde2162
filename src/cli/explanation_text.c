#include "cli/explanation.h"
#include "cli/words.h"
#include "image/describe.h"

/* Four questions, in the order in which a request meets them: what is looked up, who takes it, what
 * is done to it, where it goes. */
enum { STEP_WIDTH = 56 };

static void append_step_words(const struct image_step *step, struct buf *out)
{
    switch (step->kind) {
    case IMAGE_STEP_HOST_EXACT:
    case IMAGE_STEP_HOST_WILDCARD:
        buf_printf(out, "host " SPAN_FMT, SPAN_ARG(step->subject));
        return;
    case IMAGE_STEP_HOST_ANY:
        buf_append(out, SPAN("rules without a host"));
        return;
    case IMAGE_STEP_PATH_EXACT:
        buf_printf(out, "path " SPAN_FMT ", Exact", SPAN_ARG(step->subject));
        return;
    case IMAGE_STEP_PATH_PREFIX:
        buf_printf(out, "path " SPAN_FMT ", Prefix", SPAN_ARG(step->subject));
        return;
    case IMAGE_STEP_PREDICATE:
        buf_printf(out, "condition on " SPAN_FMT, SPAN_ARG(step->subject));
        return;
    case IMAGE_STEP_DEFAULT:
        buf_append(out, SPAN("default backend of the gate"));
        return;
    }
    unreachable();
}

static void append_origin(const struct image_view *view, uint32_t index, struct buf *out)
{
    const struct image_origin *origin = image_origin_get(view, index);
    struct span name = image_str_get(view, origin->name);
    struct span field = image_str_get(view, origin->field);
    size_t start = out->len;

    if (span_is_empty(name)) {
        buf_append(out, SPAN("yett itself"));
    } else {
        buf_append(out, image_str_get(view, origin->kind));
        buf_printf(out, " " SPAN_FMT "/" SPAN_FMT, SPAN_ARG(image_str_get(view, origin->namespace)),
                   SPAN_ARG(name));
    }
    if (!span_is_empty(field))
        buf_printf(out, ", " SPAN_FMT, SPAN_ARG(field));
    if (image_str_get(view, origin->file).len == 0)
        return;
    buf_append(out, out->len > start ? SPAN("\n    at ") : SPAN("at "));
    image_describe_place(view, index, out);
}

static void append_steps(const struct explanation *explanation, struct buf *out)
{
    buf_append(out, SPAN("\nLooked up, in this order:\n"));
    vec_for_each (step, &explanation->trace.steps) {
        size_t start = out->len;

        buf_append(out, SPAN("    "));
        append_step_words(step, out);
        buf_append_byte(out, ' ');
        while (out->len - start < STEP_WIDTH)
            buf_append_byte(out, '.');
        buf_append(out, step->matched ? SPAN(" yes\n") : SPAN(" no\n"));
    }
}

static void append_rule(const struct explanation *explanation, struct buf *out)
{
    const struct image_view *view = explanation->view;
    const struct image_match *match = &explanation->match;

    buf_append(out, SPAN("\nTaken by:\n    "));
    if (explanation->result == IMAGE_MATCH_NONE) {
        buf_append(out, SPAN("no rule, and there is no default backend\n"));
        return;
    }
    append_origin(view, match->rule->origin, out);
    if (explanation->result == IMAGE_MATCH_OK)
        buf_printf(out, "\n    host " SPAN_FMT ", path " SPAN_FMT ", %s",
                   SPAN_ARG(image_describe_host(view, match->host)),
                   SPAN_ARG(image_describe_path(view, match->path)),
                   image_describe_path_kind(match->path->kind));
    buf_append_byte(out, '\n');
}

static void append_client_auth(const struct explanation *explanation, struct buf *out)
{
    const struct image_view *view = explanation->view;
    const struct image_client_auth *auth = explanation_client_auth(explanation);

    if (!auth)
        return;
    buf_printf(out, "\nClient certificates:\n    %s", image_describe_client_auth(auth));
    if (auth->match_cn.len > 0)
        buf_printf(out, ", the subject matches " SPAN_FMT,
                   SPAN_ARG(image_str_get(view, auth->match_cn)));
    buf_append(out, SPAN(", says "));
    append_origin(view, auth->origin, out);
    buf_append_byte(out, '\n');
}

static void append_filters(const struct explanation *explanation, struct buf *out)
{
    const struct image_rule *rule = explanation->match.rule;

    if (!explanation_asks_rule(explanation) || rule->filters_len == 0)
        return;
    buf_append(out, SPAN("\nThrough:\n"));
    for (uint32_t i = 0; i < rule->filters_len; i++) {
        const struct image_filter *filter =
            image_filter_get(explanation->view, rule->filters_first + i);

        buf_append(out, SPAN("    "));
        image_describe_filter(filter, out);
        if (explanation->end == EXPLANATION_FILTER && explanation->filter == i) {
            buf_append(out, SPAN(": answers this request\n"));
            return;
        }
        buf_append(out, SPAN(": does not concern this request\n"));
    }
}

static void append_endpoints(const struct image_endpoints *endpoints, struct buf *out)
{
    if (endpoints->len == 0)
        buf_append(out, SPAN(", which has no endpoints"));
    for (uint32_t i = 0; i < endpoints->len; i++) {
        buf_append(out, SPAN("\n        "));
        image_describe_endpoint(endpoints, i, out);
    }
    buf_append_byte(out, '\n');
}

/* Nothing of HTTP in the clear, which is what everybody expects. */
static void append_protocol(const struct explanation *explanation,
                            const struct image_service *service, struct buf *out)
{
    const struct image_policy *policy =
        image_policy_get(explanation->view, explanation->match.rule->policy);
    enum route_protocol protocol = image_protocol_of(policy, service);

    if (protocol == ROUTE_PROTOCOL_HTTP)
        return;
    buf_printf(out, ", by %s", image_describe_protocol(protocol));
    if (!image_protocol_has_tls(protocol))
        return;
    buf_append(out, SPAN(", "));
    image_describe_backend_tls(explanation->view, policy, out);
}

static void append_backends(const struct explanation *explanation, struct buf *out)
{
    const struct image_view *view = explanation->view;
    const struct image_rule *rule = explanation->match.rule;

    for (uint32_t i = 0; rule != NULL && i < rule->backends_len; i++) {
        const struct image_backend *backend = image_backend_get(view, rule->backends_first + i);
        const struct image_service *service = image_service_get(view, backend->service);
        struct image_endpoints endpoints = image_endpoints_find(view, service->key);

        buf_append(out, SPAN("    Service "));
        image_describe_service(view, service, out);
        if (rule->backends_len > 1)
            buf_printf(out, ", weight %u of %u", backend->weight, rule->weight_total);
        append_protocol(explanation, service, out);
        append_endpoints(&endpoints, out);
    }
}

static void append_passthrough(const struct explanation *explanation, struct buf *out)
{
    const struct image_view *view = explanation->view;
    const struct image_service *service =
        image_service_get(view, explanation->match.host->passthrough);
    struct image_endpoints endpoints = image_endpoints_find(view, service->key);

    buf_append(
        out, SPAN("\nTLS of this host goes by undecrypted, whatever the path, to:\n    Service "));
    image_describe_service(view, service, out);
    append_endpoints(&endpoints, out);
}

static void append_end(const struct explanation *explanation, struct buf *out)
{
    switch (explanation->end) {
    case EXPLANATION_PASSTHROUGH:
        append_passthrough(explanation, out);
        return;
    case EXPLANATION_SHUT:
        buf_append(out,
                   SPAN("\nAnswered by the gate: 403, for the host cannot check its clients\n"));
        return;
    case EXPLANATION_NO_SUBJECT:
        buf_append(out, SPAN("\nAnswered by the gate: 403, for no certificate is asked for, and so "
                             "no subject matches\n"));
        return;
    case EXPLANATION_BACKEND:
        buf_append(out, SPAN("\nGoes to:\n"));
        append_backends(explanation, out);
        return;
    case EXPLANATION_FILTER:
        buf_printf(out, "\nAnswered by the gate: %u\n", explanation->status);
        return;
    case EXPLANATION_NO_ENDPOINTS:
        buf_append(out, SPAN("\nAnswered by the gate: 503, for there is nobody to ask\n"));
        append_backends(explanation, out);
        return;
    case EXPLANATION_NO_RULE:
        buf_append(out, SPAN("\nAnswered by the gate: 404\n"));
        return;
    }
    unreachable();
}

void explanation_append_text(const struct explanation *explanation, struct buf *out)
{
    const struct image_request *request = &explanation->request;

    buf_printf(out, SPAN_FMT " " SPAN_FMT "://" SPAN_FMT SPAN_FMT "\n", SPAN_ARG(request->method),
               SPAN_ARG(explanation->scheme), SPAN_ARG(request->host),
               SPAN_ARG(explanation->raw_path));
    if (!span_eq(request->path, explanation->raw_path))
        buf_printf(out, "    held against rules as " SPAN_FMT "\n", SPAN_ARG(request->path));
    append_steps(explanation, out);
    append_rule(explanation, out);
    append_client_auth(explanation, out);
    append_filters(explanation, out);
    append_end(explanation, out);
}
