#include "base/scope.h"
#include "cli/explanation.h"
#include "image/describe.h"

static void append_member(struct buf *out, const char *name, struct span value)
{
    buf_printf(out, ",\"%s\":\"", name);
    buf_append_json(out, value);
    buf_append_byte(out, '"');
}

static void append_request(const struct explanation *explanation, struct buf *out)
{
    buf_append(out, SPAN("{\"request\":{\"method\":\""));
    buf_append_json(out, explanation->request.method);
    buf_append_byte(out, '"');
    append_member(out, "scheme", explanation->scheme);
    append_member(out, "host", explanation->request.host);
    append_member(out, "path", explanation->raw_path);
    append_member(out, "matchedAs", explanation->request.path);
    buf_append_byte(out, '}');
}

static void append_steps(const struct explanation *explanation, struct buf *out)
{
    const char *separator = "";

    buf_append(out, SPAN(",\n\"steps\":["));
    vec_for_each (step, &explanation->trace.steps) {
        buf_printf(out, "%s{\"step\":\"%s\",\"matched\":%s", separator,
                   explanation_step_name(step->kind), step->matched ? "true" : "false");
        append_member(out, "subject", step->subject);
        buf_append_byte(out, '}');
        separator = ",";
    }
    buf_append_byte(out, ']');
}

static void append_rule(const struct explanation *explanation, struct buf *out)
{
    SCOPED(buf_deinit) struct buf place = { 0 };
    const struct image_view *view = explanation->view;
    const struct image_match *match = &explanation->match;

    if (match->rule == NULL) {
        buf_append(out, SPAN(",\n\"rule\":null"));
        return;
    }
    const struct image_origin *origin = image_origin_get(view, match->rule->origin);
    image_describe_place(view, match->rule->origin, &place);
    buf_append(out, SPAN(",\n\"rule\":{\"kind\":\""));
    buf_append_json(out, image_str_get(view, origin->kind));
    buf_append_byte(out, '"');
    append_member(out, "namespace", image_str_get(view, origin->namespace));
    append_member(out, "name", image_str_get(view, origin->name));
    append_member(out, "field", image_str_get(view, origin->field));
    append_member(out, "place", buf_span(&place));
    if (explanation->result == IMAGE_MATCH_OK) {
        append_member(out, "host", image_describe_host(view, match->host));
        append_member(out, "path", image_describe_path(view, match->path));
        append_member(out, "type", span_from_str(image_describe_path_kind(match->path->kind)));
    }
    buf_append_byte(out, '}');
}

static void append_client_auth(const struct explanation *explanation, struct buf *out)
{
    const struct image_client_auth *auth = explanation_client_auth(explanation);

    if (!auth)
        return;
    buf_printf(out, ",\n\"clientAuth\":{\"mode\":\"%s\",\"depth\":%u",
               image_describe_client_auth(auth), auth->depth);
    append_member(out, "matchCn", image_str_get(explanation->view, auth->match_cn));
    buf_append_byte(out, '}');
}

static void append_filters(const struct explanation *explanation, struct buf *out)
{
    SCOPED(buf_deinit) struct buf words = { 0 };
    const struct image_rule *rule = explanation->match.rule;

    buf_append(out, SPAN(",\n\"filters\":["));
    for (uint32_t i = 0; explanation_asks_rule(explanation) && i < rule->filters_len; i++) {
        const struct image_filter *filter =
            image_filter_get(explanation->view, rule->filters_first + i);

        words.len = 0;
        image_describe_filter(filter, &words);
        buf_append(out, i > 0 ? SPAN(",{\"filter\":\"") : SPAN("{\"filter\":\""));
        buf_append_json(out, buf_span(&words));
        buf_printf(out, "\",\"answers\":%s}",
                   explanation->end == EXPLANATION_FILTER && explanation->filter == i ? "true"
                                                                                      : "false");
    }
    buf_append_byte(out, ']');
}

static void append_protocol(const struct explanation *explanation,
                            const struct image_service *service, struct buf *out)
{
    SCOPED(buf_deinit) struct buf words = { 0 };
    const struct image_policy *policy =
        image_policy_get(explanation->view, explanation->match.rule->policy);
    enum route_protocol protocol = image_protocol_of(policy, service);

    append_member(out, "protocol", span_from_str(image_describe_protocol(protocol)));
    if (!image_protocol_has_tls(protocol))
        return;
    image_describe_backend_tls(explanation->view, policy, &words);
    append_member(out, "tls", buf_span(&words));
}

/* `backend` NULL: it takes TLS undecrypted. */
static void append_service(const struct explanation *explanation,
                           const struct image_service *service, const struct image_backend *backend,
                           struct buf *out)
{
    SCOPED(buf_deinit) struct buf words = { 0 };
    struct image_endpoints endpoints = image_endpoints_find(explanation->view, service->key);

    image_describe_service(explanation->view, service, &words);
    buf_append(out, SPAN("{\"service\":\""));
    buf_append_json(out, buf_span(&words));
    buf_append_byte(out, '"');
    if (backend) {
        append_protocol(explanation, service, out);
        buf_printf(out, ",\"weight\":%u", backend->weight);
    }
    buf_append(out, SPAN(",\"endpoints\":["));
    for (uint32_t i = 0; i < endpoints.len; i++) {
        words.len = 0;
        image_describe_endpoint(&endpoints, i, &words);
        buf_append(out, i > 0 ? SPAN(",\"") : SPAN("\""));
        buf_append_json(out, buf_span(&words));
        buf_append_byte(out, '"');
    }
    buf_append(out, SPAN("]}"));
}

static void append_backends(const struct explanation *explanation, struct buf *out)
{
    const struct image_view *view = explanation->view;
    const struct image_rule *rule = explanation->match.rule;

    buf_append(out, SPAN(",\n\"backends\":["));
    if (explanation->end == EXPLANATION_PASSTHROUGH)
        append_service(explanation, image_service_get(view, explanation->match.host->passthrough),
                       NULL, out);
    for (uint32_t i = 0; explanation_asks_rule(explanation) && i < rule->backends_len; i++) {
        const struct image_backend *backend = image_backend_get(view, rule->backends_first + i);

        if (i > 0)
            buf_append_byte(out, ',');
        append_service(explanation, image_service_get(view, backend->service), backend, out);
    }
    buf_append_byte(out, ']');
}

static const char *end_name(enum explanation_end end)
{
    switch (end) {
    case EXPLANATION_PASSTHROUGH:
        return "passthrough";
    case EXPLANATION_SHUT:
        return "shut";
    case EXPLANATION_NO_SUBJECT:
        return "no-subject";
    case EXPLANATION_BACKEND:
        return "backend";
    case EXPLANATION_FILTER:
        return "filter";
    case EXPLANATION_NO_ENDPOINTS:
        return "no-endpoints";
    case EXPLANATION_NO_RULE:
        return "no-rule";
    }
    unreachable();
}

void explanation_append_json(const struct explanation *explanation, struct buf *out)
{
    append_request(explanation, out);
    append_steps(explanation, out);
    append_rule(explanation, out);
    append_client_auth(explanation, out);
    append_filters(explanation, out);
    append_backends(explanation, out);
    buf_printf(out, ",\n\"end\":\"%s\"", end_name(explanation->end));
    if (explanation->status != 0)
        buf_printf(out, ",\"status\":%u", explanation->status);
    buf_append(out, SPAN("}\n"));
}
