#include "base/num.h"
#include "base/scope.h"
#include "ingress/annotate_reading.h"
#include "ingress/policy.h"
#include "ingress/suggest.h"

/* Each annotation under the prefix is looked up in the table and judged by its state. What harms only
 * comfort is told and left out; what guards access fails closed. */

#define ANNOTATION(id, name, state, effect, inert, mend) id,
enum annotation {
#include "ingress/annotations.h"
    ANNOTATIONS_LEN
};
#undef ANNOTATION

#define ANNOTATION(id, name, state, effect, inert, mend) \
    [id] = { { name, sizeof(name) - 1 }, state, effect, inert, mend },
static const struct annotation_row rows[] = {
#include "ingress/annotations.h"
};
#undef ANNOTATION

enum reader_kind { READ_NOTHING, READ_BOOL, READ_POLICY, READ_OTHER };

struct annotation_reader {
    enum reader_kind kind;
    enum policy_field policy;
    size_t at; /* the field's offset in struct ingress_annotations */
    annotation_read_fn *read;
};

static annotation_read_fn backend_protocol_read;

/* clang-format off */
#define BOOL(field)     { .kind = READ_BOOL, .at = offsetof(struct ingress_annotations, field) }
#define POLICY(field)   { .kind = READ_POLICY, .policy = field }
#define OTHER(function) { .kind = READ_OTHER, .read = function }
/* clang-format on */

static const struct annotation_reader readers[ANNOTATIONS_LEN] = {
    [ANNOTATION_SSL_REDIRECT] = BOOL(ssl_redirect),
    [ANNOTATION_FORCE_SSL_REDIRECT] = BOOL(force_ssl_redirect),
    [ANNOTATION_PRESERVE_TRAILING_SLASH] = BOOL(preserve_trailing_slash),
    [ANNOTATION_PROXY_BODY_SIZE] = POLICY(POLICY_BODY_BYTES),
    [ANNOTATION_PROXY_CONNECT_TIMEOUT] = POLICY(POLICY_CONNECT_TIMEOUT),
    [ANNOTATION_PROXY_READ_TIMEOUT] = POLICY(POLICY_READ_TIMEOUT),
    [ANNOTATION_PROXY_SEND_TIMEOUT] = POLICY(POLICY_SEND_TIMEOUT),
    [ANNOTATION_PROXY_NEXT_UPSTREAM] = POLICY(POLICY_RETRY_ON),
    [ANNOTATION_PROXY_NEXT_UPSTREAM_TRIES] = POLICY(POLICY_RETRY_TRIES),
    [ANNOTATION_PROXY_NEXT_UPSTREAM_TIMEOUT] = POLICY(POLICY_RETRY_TIMEOUT),
    [ANNOTATION_BACKEND_PROTOCOL] = OTHER(backend_protocol_read),
    [ANNOTATION_PROXY_SSL_SECRET] = OTHER(annotation_read_proxy_ssl_secret),
    [ANNOTATION_PROXY_SSL_VERIFY] = OTHER(annotation_read_proxy_ssl_verify),
    [ANNOTATION_PROXY_SSL_VERIFY_DEPTH] = OTHER(annotation_read_proxy_ssl_verify_depth),
    [ANNOTATION_PROXY_SSL_NAME] = OTHER(annotation_read_proxy_ssl_name),
    [ANNOTATION_PROXY_SSL_SERVER_NAME] = OTHER(annotation_read_proxy_ssl_server_name),
    [ANNOTATION_PROXY_SSL_PROTOCOLS] = OTHER(annotation_read_proxy_ssl_protocols),
    [ANNOTATION_PROXY_SSL_CIPHERS] = OTHER(annotation_read_proxy_ssl_ciphers),
    [ANNOTATION_AUTH_TLS_SECRET] = OTHER(annotation_read_auth_tls_secret),
    [ANNOTATION_AUTH_TLS_VERIFY_CLIENT] = OTHER(annotation_read_auth_tls_verify_client),
    [ANNOTATION_AUTH_TLS_VERIFY_DEPTH] = OTHER(annotation_read_auth_tls_verify_depth),
    [ANNOTATION_AUTH_TLS_ERROR_PAGE] = OTHER(annotation_read_auth_tls_error_page),
    [ANNOTATION_AUTH_TLS_MATCH_CN] = OTHER(annotation_read_auth_tls_match_cn),
    [ANNOTATION_AUTH_TLS_PASS_CERTIFICATE_TO_UPSTREAM] = BOOL(client_auth.passes_certificate),
    [ANNOTATION_SSL_CIPHERS] = OTHER(annotation_read_ssl_ciphers),
    [ANNOTATION_SSL_PREFER_SERVER_CIPHERS] = OTHER(annotation_read_ssl_prefer_server_ciphers),
    [ANNOTATION_SSL_PASSTHROUGH] = OTHER(annotation_read_ssl_passthrough),
};

struct place ingress_annotation_place(const struct kube_object *ingress,
                                      const struct kube_pair *annotation, struct arena *arena)
{
    struct span field =
        arena_printf(arena, "metadata.annotations[" SPAN_FMT "]", SPAN_ARG(annotation->key.text));

    return place_of(ingress, field, annotation->key.pos);
}

void annotation_report(struct annotation_reading *reading, struct annotation_finding at,
                       enum diag_severity severity, enum diag_code code, struct span what,
                       struct span mend)
{
    struct arena scratch;

    arena_init(&scratch, 512);
    ingress_report(reading->diags, severity, code,
                   ingress_annotation_place(reading->object, at.pair, &scratch), mend, SPAN_FMT,
                   SPAN_ARG(what));
    arena_deinit(&scratch);
}

void annotation_invalid(struct annotation_reading *reading, struct annotation_finding at,
                        enum diag_severity severity, const char *wanted, const char *consequence)
{
    SCOPED(buf_deinit) struct buf what = { 0 };
    SCOPED(buf_deinit) struct buf mend = { 0 };

    buf_printf(&what, "'" SPAN_FMT "' is not what " SPAN_FMT " takes; %s",
               SPAN_ARG(span_upto(at.pair->value.text, 200)), SPAN_ARG(at.row->name), consequence);
    buf_printf(&mend, "write %s", wanted);
    annotation_report(reading, at, severity, DIAG_ANNOTATION_INVALID, buf_span(&what),
                      buf_span(&mend));
}

static void value_invalid(struct annotation_reading *reading, struct annotation_finding at,
                          const char *wanted)
{
    annotation_invalid(reading, at, DIAG_WARNING, wanted, "it is ignored");
}

static void bool_read(struct annotation_reading *reading, struct annotation_finding at,
                      bool *ret_value)
{
    if (!num_parse_bool(at.pair->value.text, ret_value))
        value_invalid(reading, at, "\"true\" or \"false\"");
}

static void policy_read(struct annotation_reading *reading, struct annotation_finding at,
                        enum policy_field field)
{
    struct route_policy *policy = &reading->result.policy;

    switch ((enum policy_result)ingress_policy_set(policy, field, at.pair->value.text)) {
    case POLICY_INVALID:
        value_invalid(reading, at, ingress_policy_grammar(field));
        return;
    case POLICY_PARTLY:
        annotation_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNSUPPORTED,
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

/* FastCGI, which is not spoken, denies: to send a backend what it does not understand helps nobody. */
static void backend_protocol_read(struct annotation_reading *reading, struct annotation_finding at)
{
    static const struct {
        const char *word;
        enum route_protocol protocol;
    } protocols[] = {
        { "HTTP", ROUTE_PROTOCOL_HTTP },
        { "HTTPS", ROUTE_PROTOCOL_HTTPS },
        { "AUTO_HTTP", ROUTE_PROTOCOL_AUTO_HTTP },
        { "GRPC", ROUTE_PROTOCOL_H2C },
        { "GRPCS", ROUTE_PROTOCOL_H2 },
        { "FCGI", ROUTE_PROTOCOL_UNSET },
    };
    SCOPED(buf_deinit) struct buf what = { 0 };
    struct route_policy *policy = &reading->result.policy;

    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (!span_eq_nocase(at.pair->value.text, span_from_str(protocols[i].word)))
            continue;
        policy->protocol = protocols[i].protocol;
        reading->result.has_policy = true;
        if (policy->protocol != ROUTE_PROTOCOL_UNSET)
            return;
        buf_printf(&what,
                   "backends cannot be reached by %s; every rule of this Ingress answers 503",
                   protocols[i].word);
        annotation_report(reading, at, DIAG_ERROR, DIAG_ANNOTATION_UNSUPPORTED, buf_span(&what),
                          span_from_str(at.row->mend));
        reading->result.is_denied = true;
        return;
    }
    value_invalid(reading, at, "HTTP, HTTPS, AUTO_HTTP, GRPC or GRPCS");
}

static void supported_read(struct annotation_reading *reading, struct annotation_finding at)
{
    const struct annotation_reader *reader = &readers[at.row - rows];

    switch (reader->kind) {
    case READ_NOTHING:
        break;
    case READ_BOOL:
        bool_read(reading, at, (bool *)((char *)&reading->result + reader->at));
        return;
    case READ_POLICY:
        policy_read(reading, at, reader->policy);
        return;
    case READ_OTHER:
        reader->read(reading, at);
        return;
    }
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

static void unsupported_read(struct annotation_reading *reading, struct annotation_finding at)
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
    annotation_report(reading, at, row->effect == KEEP ? DIAG_WARNING : DIAG_ERROR,
                      DIAG_ANNOTATION_UNSUPPORTED, buf_span(&what), span_from_str(row->mend));
}

static void refused_read(struct annotation_reading *reading, struct annotation_finding at)
{
    SCOPED(buf_deinit) struct buf what = { 0 };

    buf_printf(&what, SPAN_FMT " is refused; this Ingress makes no routes", SPAN_ARG(at.row->name));
    annotation_report(reading, at, DIAG_ERROR, DIAG_ANNOTATION_REFUSED, buf_span(&what),
                      span_from_str(at.row->mend));
    reading->result.is_dropped = true;
}

static void gone_report(struct annotation_reading *reading, struct annotation_finding at)
{
    SCOPED(buf_deinit) struct buf what = { 0 };

    buf_printf(&what, SPAN_FMT " is outdated or never existed, and does nothing",
               SPAN_ARG(at.row->name));
    annotation_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNKNOWN, buf_span(&what),
                      span_from_str(at.row->mend));
}

static void unknown_report(struct annotation_reading *reading, struct annotation_finding at,
                           struct span name)
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
    annotation_report(reading, at, DIAG_WARNING, DIAG_ANNOTATION_UNKNOWN, buf_span(&what),
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

static void pair_read(struct annotation_reading *reading, const struct kube_pair *pair,
                      struct span name)
{
    struct annotation_finding at = { row_find(name), pair };

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

/* As ingress-nginx has them where only a part is written. */
static struct ingress_annotations annotations_default(const struct ingress_config *config)
{
    return (struct ingress_annotations){
        .policy = config->policy,
        .ssl_redirect = config->ssl_redirect,
        .force_ssl_redirect = config->force_ssl_redirect,
        .preserve_trailing_slash = config->preserve_trailing_slash,
        .client_auth = { .mode = ROUTE_CLIENT_AUTH_ON, .depth = 1 },
        .backend_tls = { .ciphers = SPAN("DEFAULT"), .versions = ROUTE_TLS_1_2, .depth = 1 },
    };
}

struct ingress_annotations ingress_annotations_read(const struct kube_object *ingress,
                                                    const struct ingress_config *config,
                                                    const struct ingress_options *options,
                                                    struct ingress_cache *cache,
                                                    struct diag_list *diags)
{
    struct annotation_reading reading = {
        .result = annotations_default(config),
        .object = ingress,
        .config = config,
        .cache = cache,
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

void ingress_annotations_secrets(const struct kube_object *ingress,
                                 const struct ingress_options *options,
                                 void (*with)(void *ctx, struct span value), void *ctx)
{
    static const enum annotation naming[] = { ANNOTATION_AUTH_TLS_SECRET,
                                              ANNOTATION_PROXY_SSL_SECRET };

    for (size_t i = 0; i < ingress->annotations.len; i++) {
        const struct kube_pair *pair = &ingress->annotations.items[i];
        struct span name = name_under(pair->key.text, options->annotations_prefix);

        for (size_t j = 0; name.len > 0 && j < ARRAY_LEN(naming); j++) {
            const struct annotation_row *row = &rows[naming[j]];
            if (row->state == SUPPORTED && span_eq(row->name, name))
                with(ctx, pair->value.text);
        }
    }
}
