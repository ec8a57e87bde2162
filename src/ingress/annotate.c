#include "ingress/annotate.h"

#include "base/num.h"
#include "base/scope.h"
#include "ingress/policy.h"
#include "ingress/report.h"
#include "ingress/suggest.h"

/* Each annotation under the prefix is looked up in the table and judged by its state. What harms only
 * comfort is told and left out; what guards access fails closed. */

enum annotation_state { SUPPORTED, UNSUPPORTED, REFUSED, GONE };
enum annotation_effect { KEEP, DENY, DENY_OTHER_PATHS, DROP };

#define ANNOTATION(id, name, state, effect, inert, mend) id,
enum annotation {
#include "ingress/annotations.h"
    ANNOTATIONS_LEN
};
#undef ANNOTATION

struct annotation_row {
    struct span name;
    enum annotation_state state;
    enum annotation_effect effect;
    const char *inert, *mend;
};

#define ANNOTATION(id, name, state, effect, inert, mend) \
    [id] = { { name, sizeof(name) - 1 }, state, effect, inert, mend },
static const struct annotation_row rows[] = {
#include "ingress/annotations.h"
};
#undef ANNOTATION

static const enum policy_field policy_fields[ANNOTATIONS_LEN] = {
    [ANNOTATION_PROXY_BODY_SIZE] = POLICY_BODY_BYTES,
    [ANNOTATION_PROXY_CONNECT_TIMEOUT] = POLICY_CONNECT_TIMEOUT,
    [ANNOTATION_PROXY_READ_TIMEOUT] = POLICY_READ_TIMEOUT,
    [ANNOTATION_PROXY_SEND_TIMEOUT] = POLICY_SEND_TIMEOUT,
    [ANNOTATION_PROXY_NEXT_UPSTREAM] = POLICY_RETRY_ON,
    [ANNOTATION_PROXY_NEXT_UPSTREAM_TRIES] = POLICY_RETRY_TRIES,
    [ANNOTATION_PROXY_NEXT_UPSTREAM_TIMEOUT] = POLICY_RETRY_TIMEOUT,
};

struct reading {
    struct ingress_annotations result;
    const struct kube_object *object;
    const struct ingress_config *config;
    struct diag_list *diags;
};

/* One annotation under work: its row, where there is one, and the pair. */
struct finding {
    const struct annotation_row *row;
    const struct kube_pair *pair;
};

static void finding_report(struct reading *reading, struct finding at, enum diag_severity severity,
                           enum diag_code code, struct span what, struct span mend)
{
    SCOPED(buf_deinit) struct buf field = { 0 };

    buf_printf(&field, "metadata.annotations[" SPAN_FMT "]", SPAN_ARG(at.pair->key.text));
    ingress_report(reading->diags, severity, code,
                   place_of(reading->object, buf_span(&field), at.pair->key.pos), mend, SPAN_FMT,
                   SPAN_ARG(what));
}

static void value_invalid(struct reading *reading, struct finding at, const char *wanted)
{
    SCOPED(buf_deinit) struct buf what = { 0 };
    SCOPED(buf_deinit) struct buf mend = { 0 };

    buf_printf(&what, "'" SPAN_FMT "' is not what " SPAN_FMT " takes; it is ignored",
               SPAN_ARG(span_upto(at.pair->value.text, 200)), SPAN_ARG(at.row->name));
    buf_printf(&mend, "write %s", wanted);
    finding_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_INVALID, buf_span(&what),
                   buf_span(&mend));
}

static void bool_read(struct reading *reading, struct finding at, bool *ret_value)
{
    if (!num_parse_bool(at.pair->value.text, ret_value))
        value_invalid(reading, at, "\"true\" or \"false\"");
}

static void policy_read(struct reading *reading, struct finding at, enum policy_field field)
{
    struct route_policy *policy = &reading->result.policy;

    switch ((enum policy_result)ingress_policy_set(policy, field, at.pair->value.text)) {
    case POLICY_INVALID:
        value_invalid(reading, at, ingress_policy_grammar(field));
        return;
    case POLICY_PARTLY:
        finding_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNSUPPORTED,
                       SPAN("some of these retry conditions are not supported and left out"),
                       SPAN("keep error, timeout, non_idempotent or off"));
        break;
    case POLICY_OK:
        break;
    }
    if (reading->config->retry_non_idempotent && policy->retry_on)
        policy->retry_on |= ROUTE_RETRY_NON_IDEMPOTENT;
    reading->result.has_policy = true;
}

static void protocol_read(struct reading *reading, struct finding at)
{
    static const char *const beyond[] = { "HTTPS", "AUTO_HTTP", "GRPC", "GRPCS", "FCGI" };
    struct span value = at.pair->value.text;

    if (span_eq_nocase(value, SPAN("HTTP")))
        return;
    for (size_t i = 0; i < ARRAY_LEN(beyond); i++) {
        if (!span_eq_nocase(value, span_from_str(beyond[i])))
            continue;
        SCOPED(buf_deinit) struct buf what = { 0 };
        buf_printf(&what,
                   "backends cannot be reached by %s; every rule of this Ingress answers 503",
                   beyond[i]);
        finding_report(reading, at, DIAG_ERROR, DIAG_ANNOTATION_UNSUPPORTED, buf_span(&what),
                       span_from_str(at.row->mend));
        reading->result.is_denied = true;
        return;
    }
    value_invalid(reading, at, "HTTP");
}

static void supported_read(struct reading *reading, struct finding at)
{
    enum annotation id = (enum annotation)(at.row - rows);

    if (policy_fields[id] != POLICY_NONE)
        policy_read(reading, at, policy_fields[id]);
    else if (id == ANNOTATION_SSL_REDIRECT)
        bool_read(reading, at, &reading->result.ssl_redirect);
    else if (id == ANNOTATION_FORCE_SSL_REDIRECT)
        bool_read(reading, at, &reading->result.force_ssl_redirect);
    else if (id == ANNOTATION_PRESERVE_TRAILING_SLASH)
        bool_read(reading, at, &reading->result.preserve_trailing_slash);
    else if (id == ANNOTATION_BACKEND_PROTOCOL)
        protocol_read(reading, at);
    else
        unreachable();
}

static bool value_is_inert(const struct annotation_row *row, struct span value)
{
    struct span inert = span_from_str(row->inert);
    bool wanted, given;

    if (span_is_empty(inert))
        return false;
    if (!num_parse_bool(inert, &wanted) || inert.len == 1)
        return span_eq(value, inert);
    return num_parse_bool(value, &given) ? given == wanted : !wanted;
}

static bool rewrites_a_path(const struct kube_object *object, struct span target)
{
    const struct kube_ingress *ingress = &object->ingress;

    for (size_t i = 0; i < ingress->rules_len; i++) {
        for (size_t j = 0; j < ingress->rules[i].paths_len; j++) {
            struct span path = ingress->rules[i].paths[j].path.text;
            if (!span_eq(span_is_empty(path) ? SPAN("/") : path, target))
                return true;
        }
    }
    return false;
}

static void unsupported_read(struct reading *reading, struct finding at)
{
    static const char *const effects[] = {
        [KEEP] = "does nothing here",
        [DENY] = "is not supported; every rule of this Ingress answers 503",
        [DENY_OTHER_PATHS] = "is not supported; the rules whose path it changes answer 503",
        [DROP] = "is not supported; this Ingress makes no routes",
    };
    const struct annotation_row *row = at.row;
    SCOPED(buf_deinit) struct buf what = { 0 };

    if (value_is_inert(row, at.pair->value.text))
        return;
    if (row->effect == DENY_OTHER_PATHS) {
        if (!rewrites_a_path(reading->object, at.pair->value.text))
            return;
        reading->result.denied_but_path = at.pair->value.text;
    }
    reading->result.is_denied |= row->effect == DENY;
    reading->result.is_dropped |= row->effect == DROP;
    buf_printf(&what, SPAN_FMT " %s", SPAN_ARG(row->name), effects[row->effect]);
    finding_report(reading, at, row->effect == KEEP ? DIAG_WARNING : DIAG_ERROR,
                   DIAG_ANNOTATION_UNSUPPORTED, buf_span(&what), span_from_str(row->mend));
}

static void refused_read(struct reading *reading, struct finding at)
{
    SCOPED(buf_deinit) struct buf what = { 0 };

    buf_printf(&what, SPAN_FMT " is refused; this Ingress makes no routes", SPAN_ARG(at.row->name));
    finding_report(reading, at, DIAG_ERROR, DIAG_ANNOTATION_REFUSED, buf_span(&what),
                   span_from_str(at.row->mend));
    reading->result.is_dropped = true;
}

static void gone_report(struct reading *reading, struct finding at)
{
    SCOPED(buf_deinit) struct buf what = { 0 };

    buf_printf(&what, SPAN_FMT " is outdated or never existed, and does nothing",
               SPAN_ARG(at.row->name));
    finding_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNKNOWN, buf_span(&what),
                   span_from_str(at.row->mend));
}

static void unknown_report(struct reading *reading, struct finding at, struct span name)
{
    struct ingress_suggestion near = ingress_suggestion_for(name);
    SCOPED(buf_deinit) struct buf what = { 0 };
    SCOPED(buf_deinit) struct buf mend = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        ingress_suggestion_offer(&near, rows[i].name);
    buf_printf(&what, "there is no annotation '" SPAN_FMT "'", SPAN_ARG(name));
    if (span_is_empty(near.best))
        buf_append(&mend, SPAN("remove it"));
    else
        buf_printf(&mend, "did you mean " SPAN_FMT "?", SPAN_ARG(near.best));
    finding_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNKNOWN, buf_span(&what),
                   buf_span(&mend));
}

static const struct annotation_row *row_find(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_eq(rows[i].name, name))
            return &rows[i];
    }
    return NULL;
}

static void pair_read(struct reading *reading, const struct kube_pair *pair, struct span name)
{
    struct finding at = { row_find(name), pair };

    if (!at.row) {
        unknown_report(reading, at, name);
        return;
    }
    switch (at.row->state) {
    case SUPPORTED:
        supported_read(reading, at);
        return;
    case UNSUPPORTED:
        unsupported_read(reading, at);
        return;
    case REFUSED:
        refused_read(reading, at);
        return;
    case GONE:
        gone_report(reading, at);
        return;
    }
}

/* The name behind "prefix/", or an empty span. */
static struct span name_under(struct span key, struct span prefix)
{
    if (key.len <= prefix.len + 1 || key.ptr[prefix.len] != '/' || !span_starts_with(key, prefix))
        return SPAN_EMPTY;
    return span_from(key, prefix.len + 1);
}

struct ingress_annotations ingress_annotations_read(const struct kube_object *ingress,
                                                    const struct ingress_config *config,
                                                    const struct ingress_options *options,
                                                    struct diag_list *diags)
{
    struct reading reading = {
        .result = { .policy = config->policy,
                    .ssl_redirect = config->ssl_redirect,
                    .force_ssl_redirect = config->force_ssl_redirect,
                    .preserve_trailing_slash = config->preserve_trailing_slash },
        .object = ingress,
        .config = config,
        .diags = diags,
    };

    for (size_t i = 0; i < ingress->annotations.len; i++) {
        const struct kube_pair *pair = &ingress->annotations.items[i];
        struct span name = name_under(pair->key.text, options->annotations_prefix);

        if (!span_is_empty(name))
            pair_read(&reading, pair, name);
    }
    return reading.result;
}
