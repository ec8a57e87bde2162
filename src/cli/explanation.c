#include "cli/explanation.h"

#include "base/pattern.h"
#include "route/model.h"

const char *explanation_step_name(enum image_step_kind kind)
{
    switch (kind) {
    case IMAGE_STEP_HOST_EXACT:
        return "host-exact";
    case IMAGE_STEP_HOST_WILDCARD:
        return "host-wildcard";
    case IMAGE_STEP_HOST_ANY:
        return "host-any";
    case IMAGE_STEP_PATH_EXACT:
        return "path-exact";
    case IMAGE_STEP_PATH_PREFIX:
        return "path-prefix";
    case IMAGE_STEP_PREDICATE:
        return "predicate";
    case IMAGE_STEP_DEFAULT:
        return "default-backend";
    }
    unreachable();
}

bool explanation_filter_answers(const struct explanation *explanation,
                                const struct image_filter *filter)
{
    switch ((enum route_filter_kind)filter->kind) {
    case ROUTE_FILTER_HTTPS_REDIRECT:
        return span_eq(explanation->scheme, SPAN("http"));
    case ROUTE_FILTER_RESPOND:
        return true;
    }
    unreachable(); /* the image was verified */
}

static bool rule_has_endpoints(const struct image_view *view, const struct image_rule *rule)
{
    for (uint32_t i = 0; i < rule->backends_len; i++) {
        const struct image_backend *backend = image_backend_get(view, rule->backends_first + i);
        const struct image_service *service = image_service_get(view, backend->service);

        if (backend->weight > 0 && image_endpoints_find(view, service->key).len > 0)
            return true;
    }
    return false;
}

static bool passes_through(const struct explanation *explanation)
{
    const struct image_host *host = explanation->match.host;

    return host && host->passthrough != IMAGE_NONE && span_eq(explanation->scheme, SPAN("https"));
}

const struct image_client_auth *explanation_client_auth(const struct explanation *explanation)
{
    const struct image_host *host = explanation->match.host;

    return host && host->client_auth != IMAGE_NONE && !passes_through(explanation)
               ? image_client_auth_get(explanation->view, host->client_auth)
               : NULL;
}

bool explanation_asks_rule(const struct explanation *explanation)
{
    switch (explanation->end) {
    case EXPLANATION_PASSTHROUGH:
    case EXPLANATION_SHUT:
    case EXPLANATION_NO_SUBJECT:
    case EXPLANATION_NO_RULE:
        return false;
    case EXPLANATION_BACKEND:
    case EXPLANATION_FILTER:
    case EXPLANATION_NO_ENDPOINTS:
        return true;
    }
    unreachable();
}

/* Without TLS, and where no certificate is asked for, the subject is empty. */
static bool misses_subject(const struct explanation *explanation,
                           const struct image_client_auth *auth)
{
    struct span expression = image_str_get(explanation->view, auth->match_cn);
    struct pattern *pattern = NULL;

    if (span_is_empty(expression) ||
        (span_eq(explanation->scheme, SPAN("https")) && auth->mode != ROUTE_CLIENT_AUTH_OFF))
        return false;
    bool matches = pattern_new(expression, &pattern) == PATTERN_OK &&
                   pattern_match(pattern, SPAN_EMPTY) == PATTERN_OK;
    pattern_free(pattern);
    return !matches;
}

/* Before anything is looked at but the host. */
static bool ends_at_host(struct explanation *explanation)
{
    const struct image_client_auth *auth = explanation_client_auth(explanation);

    if (passes_through(explanation)) {
        explanation->end = EXPLANATION_PASSTHROUGH;
        return true;
    }
    if (!auth)
        return false;
    if (auth->mode == ROUTE_CLIENT_AUTH_BROKEN)
        explanation->end = EXPLANATION_SHUT;
    else if (misses_subject(explanation, auth))
        explanation->end = EXPLANATION_NO_SUBJECT;
    else
        return false;
    explanation->status = 403;
    return true;
}

static void find_end(struct explanation *explanation)
{
    const struct image_rule *rule = explanation->match.rule;

    if (ends_at_host(explanation))
        return;
    if (explanation->result == IMAGE_MATCH_NONE) {
        explanation->end = EXPLANATION_NO_RULE;
        explanation->status = 404;
        return;
    }
    for (uint32_t i = 0; i < rule->filters_len; i++) {
        const struct image_filter *filter =
            image_filter_get(explanation->view, rule->filters_first + i);
        if (!explanation_filter_answers(explanation, filter))
            continue;
        explanation->end = EXPLANATION_FILTER;
        explanation->filter = i;
        explanation->status = filter->status;
        return;
    }
    if (rule_has_endpoints(explanation->view, rule)) {
        explanation->end = EXPLANATION_BACKEND;
        return;
    }
    explanation->end = EXPLANATION_NO_ENDPOINTS;
    explanation->status = 503;
}

void explanation_init(struct explanation *explanation, const struct image_view *view,
                      const struct image_request *request, struct span scheme, struct span raw_path)
{
    *explanation = (struct explanation){
        .view = view,
        .request = *request,
        .scheme = scheme,
        .raw_path = raw_path,
    };
    arena_init(&explanation->arena, 4096);
    explanation->trace.arena = &explanation->arena;
    explanation->result = (enum image_match_result)image_match(view, request, &explanation->trace,
                                                               &explanation->match);
    find_end(explanation);
}

void explanation_deinit(struct explanation *explanation)
{
    vec_deinit(&explanation->trace.steps);
    arena_deinit(&explanation->arena);
}
