#include "base/num.h"
#include "ingress/config_reading.h"
#include "ingress/policy.h"
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

enum reader_kind {
    READ_BOOL,
    READ_POLICY,
    READ_SECONDS, /* whole seconds → milliseconds */
    READ_TIME,    /* "10m" → milliseconds */
    READ_COUNT,
    READ_OTHER,
};

struct key_reader {
    enum reader_kind kind;
    enum policy_field policy;
    size_t at; /* the field's offset in struct config_reading */
    uint32_t min, max;
    config_read_fn *read; /* READ_OTHER */
    const char *wanted;   /* READ_COUNT, READ_OTHER: what a value should be */
};

/* clang-format off */
#define FIELD(field)              offsetof(struct config_reading, field)
#define SETTING(field)            FIELD(config.settings.field)
#define BOOL(where)               { .kind = READ_BOOL, .at = where }
#define SECONDS(where, least)     { .kind = READ_SECONDS, .at = where, .min = least }
#define TIME(where)               { .kind = READ_TIME, .at = where }
#define COUNT(where, least, most, what) \
    { .kind = READ_COUNT, .at = where, .min = least, .max = most, .wanted = what }
#define POLICY(field)             { .kind = READ_POLICY, .policy = field }
#define OTHER(function, what)     { .kind = READ_OTHER, .read = function, .wanted = what }
#define NUMBER(where)             COUNT(where, 0, INT32_MAX, "a whole number")
/* clang-format on */

static const struct key_reader key_readers[CONFIG_KEYS_LEN] = {
    [CONFIG_USE_FORWARDED_HEADERS] = BOOL(SETTING(use_forwarded_headers)),
    [CONFIG_ENABLE_REAL_IP] = BOOL(SETTING(enable_real_ip)),
    [CONFIG_COMPUTE_FULL_FORWARDED_FOR] = BOOL(SETTING(compute_full_forwarded_for)),
    [CONFIG_GENERATE_REQUEST_ID] = BOOL(SETTING(generate_request_id)),
    [CONFIG_ENABLE_UNDERSCORES_IN_HEADERS] = BOOL(SETTING(allow_underscores_in_headers)),
    [CONFIG_IGNORE_INVALID_HEADERS] = BOOL(SETTING(ignore_invalid_headers)),
    [CONFIG_FORWARDED_FOR_HEADER] = OTHER(config_read_forwarded_for_header, "the name of a header"),
    [CONFIG_PROXY_REAL_IP_CIDR] = OTHER(config_read_trusted, ""),
    [CONFIG_USE_PROXY_PROTOCOL] = BOOL(SETTING(proxy_protocol)),
    [CONFIG_PROXY_PROTOCOL_HEADER_TIMEOUT] = TIME(SETTING(proxy_protocol_timeout_ms)),

    [CONFIG_SSL_REDIRECT] = BOOL(FIELD(config.ssl_redirect)),
    [CONFIG_FORCE_SSL_REDIRECT] = BOOL(FIELD(config.force_ssl_redirect)),
    [CONFIG_PRESERVE_TRAILING_SLASH] = BOOL(FIELD(config.preserve_trailing_slash)),
    [CONFIG_HTTP_REDIRECT_CODE] = OTHER(config_read_redirect_status, "301, 302, 307 or 308"),
    [CONFIG_NO_TLS_REDIRECT_LOCATIONS] = OTHER(config_read_no_redirect_paths, ""),
    [CONFIG_ALLOW_CROSS_NAMESPACE_RESOURCES] = BOOL(FIELD(config.allows_other_namespaces)),

    [CONFIG_KEEP_ALIVE] = SECONDS(SETTING(keep_alive_ms), 0),
    [CONFIG_KEEP_ALIVE_REQUESTS] = NUMBER(SETTING(keep_alive_requests)),
    [CONFIG_CLIENT_HEADER_TIMEOUT] = SECONDS(SETTING(client_header_timeout_ms), 1),
    [CONFIG_CLIENT_BODY_TIMEOUT] = SECONDS(SETTING(client_body_timeout_ms), 1),
    [CONFIG_USE_HTTP2] = BOOL(SETTING(http2)),
    [CONFIG_HTTP2_MAX_CONCURRENT_STREAMS] =
        COUNT(SETTING(http2_streams_max), 1, INT32_MAX, "a whole number from 1"),

    [CONFIG_UPSTREAM_KEEPALIVE_CONNECTIONS] = NUMBER(SETTING(upstream_idle_max)),
    [CONFIG_UPSTREAM_KEEPALIVE_TIMEOUT] = SECONDS(SETTING(upstream_idle_timeout_ms), 1),
    [CONFIG_UPSTREAM_KEEPALIVE_REQUESTS] = NUMBER(SETTING(upstream_requests_max)),
    [CONFIG_UPSTREAM_KEEPALIVE_TIME] = TIME(SETTING(upstream_age_max_ms)),
    [CONFIG_RETRY_NON_IDEMPOTENT] = BOOL(FIELD(config.retry_non_idempotent)),
    [CONFIG_PROXY_BODY_SIZE] = POLICY(POLICY_BODY_BYTES),
    [CONFIG_PROXY_CONNECT_TIMEOUT] = POLICY(POLICY_CONNECT_TIMEOUT),
    [CONFIG_PROXY_READ_TIMEOUT] = POLICY(POLICY_READ_TIMEOUT),
    [CONFIG_PROXY_SEND_TIMEOUT] = POLICY(POLICY_SEND_TIMEOUT),
    [CONFIG_PROXY_NEXT_UPSTREAM] = POLICY(POLICY_RETRY_ON),
    [CONFIG_PROXY_NEXT_UPSTREAM_TRIES] = POLICY(POLICY_RETRY_TRIES),
    [CONFIG_PROXY_NEXT_UPSTREAM_TIMEOUT] = POLICY(POLICY_RETRY_TIMEOUT),

    [CONFIG_SSL_PROTOCOLS] = OTHER(config_read_tls_versions, "TLSv1.2, TLSv1.3 or both"),
    [CONFIG_SSL_CIPHERS] = OTHER(config_read_tls_ciphers, "ciphers as OpenSSL lists them"),
    [CONFIG_SSL_ECDH_CURVE] = OTHER(config_read_tls_groups, "auto, or groups such as X25519:P-256"),
    [CONFIG_SSL_DH_PARAM] =
        OTHER(config_read_dh_param, "the Secret with dhparam.pem as namespace/name"),
    [CONFIG_SSL_SESSION_CACHE] = BOOL(FIELD(session_cache)),
    [CONFIG_SSL_SESSION_TICKETS] = BOOL(FIELD(session_tickets)),
    [CONFIG_SSL_SESSION_TIMEOUT] = TIME(SETTING(tls.session_timeout_ms)),
    [CONFIG_SSL_SESSION_TICKET_KEY] =
        OTHER(config_read_ticket_key, "48 or 80 random bytes in base64: openssl rand -base64 80"),
    [CONFIG_SSL_REJECT_HANDSHAKE] = BOOL(SETTING(tls.rejects_unknown)),
    [CONFIG_HSTS] = BOOL(FIELD(hsts.is_on)),
    [CONFIG_HSTS_INCLUDE_SUBDOMAINS] = BOOL(FIELD(hsts.includes_subdomains)),
    [CONFIG_HSTS_PRELOAD] = BOOL(FIELD(hsts.preload)),
    [CONFIG_HSTS_MAX_AGE] =
        COUNT(FIELD(hsts.max_age_s), 0, INT32_MAX, "whole seconds, without a unit"),

    [CONFIG_USE_GZIP] = BOOL(SETTING(gzip.is_on)),
    [CONFIG_GZIP_LEVEL] = COUNT(SETTING(gzip.level), ROUTE_GZIP_LEVEL_MIN, ROUTE_GZIP_LEVEL_MAX,
                                "a level from 1 to 9"),
    [CONFIG_GZIP_MIN_LENGTH] = COUNT(SETTING(gzip.length_min), 0, INT32_MAX, "a number of bytes"),
    [CONFIG_GZIP_TYPES] = OTHER(config_read_gzip_types, ""),
    [CONFIG_GZIP_DISABLE] = OTHER(config_read_gzip_disable, "a regular expression for User-Agent"),
    [CONFIG_ENABLE_BROTLI] = BOOL(SETTING(brotli.is_on)),
    [CONFIG_BROTLI_LEVEL] =
        COUNT(SETTING(brotli.level), 0, ROUTE_BROTLI_LEVEL_MAX, "a level from 0 to 11"),
    [CONFIG_BROTLI_MIN_LENGTH] =
        COUNT(SETTING(brotli.length_min), 0, INT32_MAX, "a number of bytes"),
    [CONFIG_BROTLI_TYPES] = OTHER(config_read_brotli_types, ""),

    [CONFIG_LOG_FORMAT_UPSTREAM] = OTHER(config_read_log_format, ""),
    [CONFIG_LOG_FORMAT_ESCAPE_JSON] = BOOL(FIELD(log_escape_json)),
    [CONFIG_LOG_FORMAT_ESCAPE_NONE] = BOOL(FIELD(log_escape_none)),
    [CONFIG_DISABLE_ACCESS_LOG] = BOOL(FIELD(disable_access_log)),
    [CONFIG_LOG_FORMAT_STREAM] = OTHER(config_read_stream_log_format, ""),
    [CONFIG_DISABLE_STREAM_ACCESS_LOG] = BOOL(FIELD(disable_stream_access_log)),
    [CONFIG_PROXY_STREAM_TIMEOUT] = TIME(SETTING(stream.timeout_ms)),
    [CONFIG_PROXY_STREAM_NEXT_UPSTREAM] = BOOL(SETTING(stream.next_upstream)),
    [CONFIG_PROXY_STREAM_NEXT_UPSTREAM_TIMEOUT] = TIME(SETTING(stream.next_upstream_timeout_ms)),
    [CONFIG_PROXY_STREAM_NEXT_UPSTREAM_TRIES] = NUMBER(SETTING(stream.next_upstream_tries)),
    [CONFIG_PROXY_STREAM_RESPONSES] = NUMBER(SETTING(stream.responses)),
};

struct place config_pair_place(const struct config_reading *reading, const struct kube_pair *pair)
{
    struct span field = arena_printf(reading->arena, "data." SPAN_FMT, SPAN_ARG(pair->key.text));

    return place_of(reading->object, field, pair->key.pos);
}

static void value_invalid(const struct config_reading *reading, const struct kube_pair *pair,
                          const char *wanted)
{
    struct span mend = arena_printf(reading->arena, "write %s", wanted);

    ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_VALUE_INVALID,
                   config_pair_place(reading, pair), mend,
                   "'" SPAN_FMT "' is not what " SPAN_FMT " takes; its default is used",
                   SPAN_ARG(span_upto(pair->value.text, 200)), SPAN_ARG(pair->key.text));
}

static void policy_read(struct config_reading *reading, const struct kube_pair *pair,
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
                       config_pair_place(reading, pair),
                       SPAN("keep error, timeout, non_idempotent or off"),
                       "some conditions of '" SPAN_FMT "' are not supported and left out",
                       SPAN_ARG(span_upto(pair->value.text, 200)));
        return;
    }
}

static bool time_parse(struct span text, uint32_t *ret_ms)
{
    uint64_t ms;

    if (!num_parse_duration_ms(text, POLICY_SECONDS_MAX * 1000ull, &ms) || ms == 0)
        return false;
    *ret_ms = (uint32_t)ms;
    return true;
}

static bool count_parse(struct span text, const struct key_reader *reader, uint32_t *ret_count)
{
    uint32_t count;

    if (!num_parse_u32(text, reader->max, &count) || count < reader->min)
        return false;
    *ret_count = count;
    return true;
}

static void supported_read(struct config_reading *reading, const struct key_reader *reader,
                           const struct kube_pair *pair)
{
    struct span value = pair->value.text;
    void *at = (char *)reading + reader->at;

    switch (reader->kind) {
    case READ_BOOL:
        if (!num_parse_bool(value, at))
            value_invalid(reading, pair, "true or false");
        return;
    case READ_SECONDS:
        if (!ingress_seconds_parse(value, reader->min, at))
            value_invalid(reading, pair, "whole seconds, without a unit");
        return;
    case READ_TIME:
        if (!time_parse(value, at))
            value_invalid(reading, pair, "a time such as 10m, 600s or 1h");
        return;
    case READ_COUNT:
        if (!count_parse(value, reader, at))
            value_invalid(reading, pair, reader->wanted);
        return;
    case READ_POLICY:
        policy_read(reading, pair, reader->policy);
        return;
    case READ_OTHER:
        if (!reader->read(reading, pair))
            value_invalid(reading, pair, reader->wanted);
        return;
    }
}

static void unsupported_report(const struct config_reading *reading, const struct key_row *row,
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
                   config_pair_place(reading, pair), span_from_str(row->mend), "%s %s", row->name,
                   by_state[row->state].what);
}

static void unknown_report(const struct config_reading *reading, const struct kube_pair *pair)
{
    struct ingress_suggestion near = ingress_suggestion_for(pair->key.text);
    struct span mend = SPAN("remove it");

    for (size_t i = 0; i < ARRAY_LEN(key_rows); i++)
        ingress_suggestion_offer(&near, span_from_str(key_rows[i].name));
    if (!span_is_empty(near.best))
        mend = arena_printf(reading->arena, "did you mean " SPAN_FMT "?", SPAN_ARG(near.best));
    ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_KEY_UNKNOWN,
                   config_pair_place(reading, pair), mend, "there is no key '" SPAN_FMT "'",
                   SPAN_ARG(pair->key.text));
}

static void pair_read(struct config_reading *reading, const struct kube_pair *pair)
{
    for (size_t i = 0; i < ARRAY_LEN(key_rows); i++) {
        const struct key_row *row = &key_rows[i];

        if (!span_eq(pair->key.text, span_from_str(row->name)))
            continue;
        if (row->state == SUPPORTED)
            supported_read(reading, &key_readers[i], pair);
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

static struct span hsts_value(const struct config_hsts *hsts, struct arena *arena)
{
    if (!hsts->is_on)
        return SPAN_EMPTY;
    return arena_printf(arena, "max-age=%u%s%s", hsts->max_age_s,
                        hsts->includes_subdomains ? "; includeSubDomains" : "",
                        hsts->preload ? "; preload" : "");
}

/* What takes two keys to decide. Sessions are kept by tickets alone: either key asks for that. */
static void reading_end(struct config_reading *reading)
{
    struct route_settings *settings = &reading->config.settings;

    settings->access_log = !reading->disable_access_log;
    settings->stream.access_log =
        !reading->disable_access_log && !reading->disable_stream_access_log;
    if (reading->log_escape_none)
        settings->log_escape = ROUTE_LOG_ESCAPE_NONE;
    else if (reading->log_escape_json)
        settings->log_escape = ROUTE_LOG_ESCAPE_JSON;
    if (reading->config.retry_non_idempotent && reading->config.policy.retry_on)
        reading->config.policy.retry_on |= ROUTE_RETRY_NON_IDEMPOTENT;
    settings->tls.resumption = reading->session_cache || reading->session_tickets;
    settings->tls.hsts = hsts_value(&reading->hsts, reading->arena);
}

struct ingress_config ingress_config_read(const struct kube_object *config_map, struct arena *arena,
                                          struct ingress_cache *cache, struct diag_list *diags)
{
    struct config_reading reading = {
        .config = config_default(),
        .hsts = { .is_on = true, .includes_subdomains = true, .max_age_s = 31536000 },
        .session_cache = true,
        .arena = arena,
        .cache = cache,
        .diags = diags,
        .object = config_map,
    };

    for (size_t i = 0; config_map && i < config_map->config_map.entries.len; i++)
        pair_read(&reading, &config_map->config_map.entries.items[i]);
    reading_end(&reading);
    return reading.config;
}

/* The value of a key that counts, or an empty span. */
static struct span value_of(const struct kube_object *config_map, enum config_key key)
{
    const struct kube_text *value;

    if (!config_map || key_rows[key].state != SUPPORTED)
        return SPAN_EMPTY;
    value = kube_pairs_find(&config_map->config_map.entries, span_from_str(key_rows[key].name));
    return value ? value->text : SPAN_EMPTY;
}

bool ingress_config_allows_other_namespaces(const struct kube_object *config_map)
{
    bool allows = false;

    return num_parse_bool(value_of(config_map, CONFIG_ALLOW_CROSS_NAMESPACE_RESOURCES), &allows) &&
           allows;
}

struct ingress_object_name ingress_config_dh_param(const struct kube_object *config_map)
{
    return ingress_object_name_parse(value_of(config_map, CONFIG_SSL_DH_PARAM));
}
