#include "ingress/config.h"

#include "base/num.h"
#include "ingress/policy.h"
#include "ingress/report.h"
#include "ingress/suggest.h"

/* A key is looked up in the table of names, then read by the reader of its kind into the field at its
 * offset. What needs two keys to be decided is decided at the end, so that their order is nothing. */

enum key_state { SUPPORTED, GUARD, MEANING, TUNING, REFUSED, GONE };

#define CONFIG_KEY(id, name, state, inert, mend) id,
enum config_key {
#include "ingress/config_keys.h"
    CONFIG_KEYS_LEN
};
#undef CONFIG_KEY

struct key_row {
    const char *name;
    enum key_state state;
    const char *inert, *mend;
};

#define CONFIG_KEY(id, name, state, inert, mend) [id] = { name, state, inert, mend },
static const struct key_row key_rows[] = {
#include "ingress/config_keys.h"
};
#undef CONFIG_KEY

/* What is read: the result, and what is decided at the end. */
struct reading {
    struct ingress_config config;
    bool log_escape_json, log_escape_none, disable_access_log;
    struct arena *arena;
    struct diag_list *diags;
    const struct kube_object *object;
};

enum reader_kind { READ_BOOL, READ_POLICY, READ_SECONDS, READ_COUNT, READ_OTHER };

struct key_reader {
    enum reader_kind kind;
    enum policy_field policy;
    size_t at; /* the field's offset in struct reading */
};

#define READER(kind, field)                                \
    {                                                      \
        kind, POLICY_NONE, offsetof(struct reading, field) \
    }
#define POLICY_READER(field)  \
    {                         \
        READ_POLICY, field, 0 \
    }
#define OTHER_READER               \
    {                              \
        READ_OTHER, POLICY_NONE, 0 \
    }

static const struct key_reader key_readers[CONFIG_KEYS_LEN] = {
    [CONFIG_USE_FORWARDED_HEADERS] = READER(READ_BOOL, config.settings.use_forwarded_headers),
    [CONFIG_ENABLE_REAL_IP] = READER(READ_BOOL, config.settings.enable_real_ip),
    [CONFIG_COMPUTE_FULL_FORWARDED_FOR] =
        READER(READ_BOOL, config.settings.compute_full_forwarded_for),
    [CONFIG_GENERATE_REQUEST_ID] = READER(READ_BOOL, config.settings.generate_request_id),
    [CONFIG_ENABLE_UNDERSCORES_IN_HEADERS] =
        READER(READ_BOOL, config.settings.allow_underscores_in_headers),
    [CONFIG_IGNORE_INVALID_HEADERS] = READER(READ_BOOL, config.settings.ignore_invalid_headers),
    [CONFIG_SSL_REDIRECT] = READER(READ_BOOL, config.ssl_redirect),
    [CONFIG_FORCE_SSL_REDIRECT] = READER(READ_BOOL, config.force_ssl_redirect),
    [CONFIG_PRESERVE_TRAILING_SLASH] = READER(READ_BOOL, config.preserve_trailing_slash),
    [CONFIG_RETRY_NON_IDEMPOTENT] = READER(READ_BOOL, config.retry_non_idempotent),
    [CONFIG_DISABLE_ACCESS_LOG] = READER(READ_BOOL, disable_access_log),
    [CONFIG_LOG_FORMAT_ESCAPE_JSON] = READER(READ_BOOL, log_escape_json),
    [CONFIG_LOG_FORMAT_ESCAPE_NONE] = READER(READ_BOOL, log_escape_none),
    [CONFIG_KEEP_ALIVE] = READER(READ_SECONDS, config.settings.keep_alive_ms),
    [CONFIG_CLIENT_HEADER_TIMEOUT] = READER(READ_SECONDS, config.settings.client_header_timeout_ms),
    [CONFIG_CLIENT_BODY_TIMEOUT] = READER(READ_SECONDS, config.settings.client_body_timeout_ms),
    [CONFIG_UPSTREAM_KEEPALIVE_TIMEOUT] =
        READER(READ_SECONDS, config.settings.upstream_idle_timeout_ms),
    [CONFIG_KEEP_ALIVE_REQUESTS] = READER(READ_COUNT, config.settings.keep_alive_requests),
    [CONFIG_UPSTREAM_KEEPALIVE_CONNECTIONS] = READER(READ_COUNT, config.settings.upstream_idle_max),
    [CONFIG_PROXY_BODY_SIZE] = POLICY_READER(POLICY_BODY_BYTES),
    [CONFIG_PROXY_CONNECT_TIMEOUT] = POLICY_READER(POLICY_CONNECT_TIMEOUT),
    [CONFIG_PROXY_READ_TIMEOUT] = POLICY_READER(POLICY_READ_TIMEOUT),
    [CONFIG_PROXY_SEND_TIMEOUT] = POLICY_READER(POLICY_SEND_TIMEOUT),
    [CONFIG_PROXY_NEXT_UPSTREAM] = POLICY_READER(POLICY_RETRY_ON),
    [CONFIG_PROXY_NEXT_UPSTREAM_TRIES] = POLICY_READER(POLICY_RETRY_TRIES),
    [CONFIG_PROXY_NEXT_UPSTREAM_TIMEOUT] = POLICY_READER(POLICY_RETRY_TIMEOUT),
    [CONFIG_FORWARDED_FOR_HEADER] = OTHER_READER,
    [CONFIG_PROXY_REAL_IP_CIDR] = OTHER_READER,
    [CONFIG_HTTP_REDIRECT_CODE] = OTHER_READER,
    [CONFIG_NO_TLS_REDIRECT_LOCATIONS] = OTHER_READER,
    [CONFIG_LOG_FORMAT_UPSTREAM] = OTHER_READER,
};

static struct place pair_place(const struct reading *reading, const struct kube_pair *pair)
{
    struct span field = arena_printf(reading->arena, "data." SPAN_FMT, SPAN_ARG(pair->key.text));

    return place_of(reading->object, field, pair->key.pos);
}

static void value_invalid(const struct reading *reading, const struct kube_pair *pair,
                          const char *wanted)
{
    struct span mend = arena_printf(reading->arena, "write %s", wanted);

    ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_VALUE_INVALID,
                   pair_place(reading, pair), mend,
                   "'" SPAN_FMT "' is not what " SPAN_FMT " takes; its default is used",
                   SPAN_ARG(span_upto(pair->value.text, 200)), SPAN_ARG(pair->key.text));
}

static void policy_read(struct reading *reading, const struct kube_pair *pair,
                        enum policy_field field)
{
    switch (
        (enum policy_result)ingress_policy_set(&reading->config.policy, field, pair->value.text)) {
    case POLICY_OK:
        return;
    case POLICY_INVALID:
        value_invalid(reading, pair, ingress_policy_grammar(field));
        return;
    case POLICY_PARTLY:
        ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_VALUE_INVALID,
                       pair_place(reading, pair),
                       SPAN("keep error, timeout, non_idempotent or off"),
                       "some conditions of '" SPAN_FMT "' are not supported and left out",
                       SPAN_ARG(span_upto(pair->value.text, 200)));
        return;
    }
}

static bool header_name_is_valid(struct span name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = ascii_lower(name.ptr[i]);
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return name.len > 0;
}

static void trusted_read(struct reading *reading, const struct kube_pair *pair)
{
    struct span rest = pair->value.text, item;
    VEC(struct ip_block) blocks = { 0 };
    struct ip_block block;

    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (ip_block_parse(item, &block))
            vec_push(&blocks, block);
        else if (!span_is_empty(item))
            ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_VALUE_INVALID,
                           pair_place(reading, pair),
                           SPAN("write blocks such as 10.0.0.0/8, separated by commas"),
                           "'" SPAN_FMT "' is no address block; it is left out",
                           SPAN_ARG(span_upto(item, 200)));
    }
    struct ip_block *trusted = arena_new_array(reading->arena, struct ip_block, blocks.len);
    if (blocks.len)
        memcpy(trusted, blocks.items, blocks.len * sizeof(*trusted));
    reading->config.settings.trusted = trusted;
    reading->config.settings.trusted_len = blocks.len;
    vec_deinit(&blocks);
}

static void no_redirect_paths_read(struct reading *reading, struct span text)
{
    struct span rest = text, item;
    size_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += text.ptr[i] == ',';
    struct span *paths = arena_new_array(reading->arena, struct span, count + 1);
    size_t len = 0;
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (!span_is_empty(item))
            paths[len++] = arena_dup(reading->arena, item);
    }
    reading->config.no_redirect_paths = paths;
    reading->config.no_redirect_paths_len = len;
}

static void redirect_status_read(struct reading *reading, const struct kube_pair *pair)
{
    uint32_t status;

    if (num_parse_u32(pair->value.text, 308, &status) &&
        (status == 301 || status == 302 || status == 307 || status == 308))
        reading->config.redirect_status = (uint16_t)status;
    else
        value_invalid(reading, pair, "301, 302, 307 or 308");
}

static void other_read(struct reading *reading, enum config_key key, const struct kube_pair *pair)
{
    struct span value = pair->value.text;

    if (key == CONFIG_PROXY_REAL_IP_CIDR)
        trusted_read(reading, pair);
    else if (key == CONFIG_HTTP_REDIRECT_CODE)
        redirect_status_read(reading, pair);
    else if (key == CONFIG_NO_TLS_REDIRECT_LOCATIONS)
        no_redirect_paths_read(reading, value);
    else if (key == CONFIG_LOG_FORMAT_UPSTREAM)
        reading->config.settings.log_format = arena_dup(reading->arena, value);
    else if (key == CONFIG_FORWARDED_FOR_HEADER && header_name_is_valid(value))
        reading->config.settings.forwarded_for_header = arena_dup(reading->arena, value);
    else
        value_invalid(reading, pair, "the name of a header");
}

static void supported_read(struct reading *reading, enum config_key key,
                           const struct kube_pair *pair)
{
    const struct key_reader *reader = &key_readers[key];
    void *at = (char *)reading + reader->at;

    switch (reader->kind) {
    case READ_BOOL:
        if (!num_parse_bool(pair->value.text, at))
            value_invalid(reading, pair, "true or false");
        return;
    case READ_SECONDS:
        if (!ingress_seconds_parse(pair->value.text, key != CONFIG_KEEP_ALIVE, at))
            value_invalid(reading, pair, "whole seconds, without a unit");
        return;
    case READ_COUNT:
        if (!num_parse_u32(pair->value.text, INT32_MAX, at))
            value_invalid(reading, pair, "a whole number");
        return;
    case READ_POLICY:
        policy_read(reading, pair, reader->policy);
        return;
    case READ_OTHER:
        other_read(reading, key, pair);
        return;
    }
}

static void unsupported_report(const struct reading *reading, const struct key_row *row,
                               const struct kube_pair *pair)
{
    static const struct {
        enum diag_severity severity;
        const char *what;
    } by_state[] = {
        [SUPPORTED] = { DIAG_NOTE, "" },
        [GUARD] = { DIAG_ERROR, "is not enforced: nothing keeps those clients out" },
        [MEANING] = { DIAG_WARNING, "is not supported" },
        [TUNING] = { DIAG_NOTE, "tunes what is not here, and does nothing" },
        [REFUSED] = { DIAG_WARNING, "is refused: it would put foreign code into the gate" },
        [GONE] = { DIAG_NOTE, "is outdated, and does nothing" },
    };

    ingress_report(reading->diags, by_state[row->state].severity, DIAG_CONFIG_KEY_UNSUPPORTED,
                   pair_place(reading, pair), span_from_str(row->mend), "%s %s", row->name,
                   by_state[row->state].what);
}

static void unknown_report(const struct reading *reading, const struct kube_pair *pair)
{
    struct ingress_suggestion near = ingress_suggestion_for(pair->key.text);
    struct span mend = SPAN("remove it");

    for (size_t i = 0; i < ARRAY_LEN(key_rows); i++)
        ingress_suggestion_offer(&near, span_from_str(key_rows[i].name));
    if (!span_is_empty(near.best))
        mend = arena_printf(reading->arena, "did you mean " SPAN_FMT "?", SPAN_ARG(near.best));
    ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_KEY_UNKNOWN, pair_place(reading, pair),
                   mend, "there is no key '" SPAN_FMT "'", SPAN_ARG(pair->key.text));
}

static void pair_read(struct reading *reading, const struct kube_pair *pair)
{
    for (size_t i = 0; i < ARRAY_LEN(key_rows); i++) {
        const struct key_row *row = &key_rows[i];

        if (!span_eq(pair->key.text, span_from_str(row->name)))
            continue;
        if (row->state == SUPPORTED)
            supported_read(reading, (enum config_key)i, pair);
        else if (row->inert[0] == '\0' || !span_eq(pair->value.text, span_from_str(row->inert)))
            unsupported_report(reading, row, pair);
        return;
    }
    unknown_report(reading, pair);
}

static struct ingress_config config_default(void)
{
    static const struct span acme[] = { { "/.well-known/acme-challenge", 27 } };

    return (struct ingress_config){
        .settings = route_settings_default(),
        .policy = route_policy_default(),
        .ssl_redirect = true,
        .redirect_status = 308,
        .no_redirect_paths = acme,
        .no_redirect_paths_len = ARRAY_LEN(acme),
    };
}

struct ingress_config ingress_config_read(const struct kube_object *config_map, struct arena *arena,
                                          struct diag_list *diags)
{
    struct reading reading = {
        .config = config_default(), .arena = arena, .diags = diags, .object = config_map
    };
    struct route_settings *settings = &reading.config.settings;

    if (!config_map)
        return reading.config;
    for (size_t i = 0; i < config_map->config_map.entries.len; i++)
        pair_read(&reading, &config_map->config_map.entries.items[i]);

    settings->access_log = !reading.disable_access_log;
    if (reading.log_escape_none)
        settings->log_escape = ROUTE_LOG_ESCAPE_NONE;
    else if (reading.log_escape_json)
        settings->log_escape = ROUTE_LOG_ESCAPE_JSON;
    if (reading.config.retry_non_idempotent && reading.config.policy.retry_on)
        reading.config.policy.retry_on |= ROUTE_RETRY_NON_IDEMPOTENT;
    return reading.config;
}
