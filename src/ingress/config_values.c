#include "base/buf.h"
#include "base/num.h"
#include "base/pattern.h"
#include "base/scope.h"
#include "base/vec.h"
#include "ingress/cache.h"
#include "ingress/config_reading.h"
#include "ingress/policy.h"
#include "kube/base64.h"

/* Where a value is a list, what is wrong with one item costs that item, and the rest counts. */

static void part_report(const struct config_reading *reading, const struct kube_pair *pair,
                        struct span part, const char *what, struct span mend)
{
    ingress_report(reading->diags, DIAG_WARNING, DIAG_CONFIG_VALUE_INVALID,
                   config_pair_place(reading, pair), mend, "'" SPAN_FMT "' is %s; it is left out",
                   SPAN_ARG(span_upto(part, 200)), what);
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

bool config_read_forwarded_for_header(struct config_reading *reading, const struct kube_pair *pair)
{
    if (!header_name_is_valid(pair->value.text))
        return false;
    reading->config.settings.forwarded_for_header = arena_dup(reading->arena, pair->value.text);
    return true;
}

bool config_read_trusted(struct config_reading *reading, const struct kube_pair *pair)
{
    struct span rest = pair->value.text, item;
    VEC(struct ip_block) blocks = { 0 };
    struct ip_block block;

    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (ip_block_parse(item, &block))
            vec_push(&blocks, block);
        else if (!span_is_empty(item))
            part_report(reading, pair, item, "no address block",
                        SPAN("write blocks such as 10.0.0.0/8, separated by commas"));
    }
    struct ip_block *trusted = arena_new_array(reading->arena, struct ip_block, blocks.len);
    if (blocks.len)
        memcpy(trusted, blocks.items, blocks.len * sizeof(*trusted));
    reading->config.settings.trusted = trusted;
    reading->config.settings.trusted_len = blocks.len;
    vec_deinit(&blocks);
    return true;
}

bool config_read_no_redirect_paths(struct config_reading *reading, const struct kube_pair *pair)
{
    struct span rest = pair->value.text, item;
    size_t count = 0;

    for (size_t i = 0; i < rest.len; i++)
        count += rest.ptr[i] == ',';
    struct span *paths = arena_new_array(reading->arena, struct span, count + 1);
    size_t len = 0;
    while (span_split(&rest, ',', &item)) {
        item = span_trim(item);
        if (!span_is_empty(item))
            paths[len++] = arena_dup(reading->arena, item);
    }
    reading->config.no_redirect_paths = paths;
    reading->config.no_redirect_paths_len = len;
    return true;
}

bool config_read_redirect_status(struct config_reading *reading, const struct kube_pair *pair)
{
    uint32_t status;

    if (!num_parse_u32(pair->value.text, 308, &status) ||
        (status != 301 && status != 302 && status != 307 && status != 308))
        return false;
    reading->config.redirect_status = (uint16_t)status;
    return true;
}

bool config_read_log_format(struct config_reading *reading, const struct kube_pair *pair)
{
    reading->config.settings.log_format = arena_dup(reading->arena, pair->value.text);
    return true;
}

bool config_read_stream_log_format(struct config_reading *reading, const struct kube_pair *pair)
{
    reading->config.settings.stream.log_format = arena_dup(reading->arena, pair->value.text);
    return true;
}

struct finding {
    const struct config_reading *reading;
    const struct kube_pair *pair;
};

static void version_report(void *ctx, struct span word)
{
    const struct finding *finding = ctx;

    part_report(finding->reading, finding->pair, word, "no version of TLS that is spoken here",
                SPAN("write TLSv1.2, TLSv1.3 or both: what is older is broken (RFC 8996)"));
}

bool config_read_tls_versions(struct config_reading *reading, const struct kube_pair *pair)
{
    struct finding finding = { reading, pair };
    uint32_t versions = ingress_tls_versions(pair->value.text, version_report, &finding);

    if (versions == 0)
        return false;
    reading->config.settings.tls.versions = versions;
    return true;
}

/* An empty list is the built-in one, in the client's order. */
bool config_read_tls_ciphers(struct config_reading *reading, const struct kube_pair *pair)
{
    struct route_tls_settings *tls = &reading->config.settings.tls;
    struct span list = span_trim(pair->value.text);

    if (list.len > 0 && !ingress_cache_ciphers_are_valid(reading->cache, list))
        return false;
    tls->ciphers = arena_dup(reading->arena, list);
    tls->cipher_choice = list.len > 0 ? ROUTE_CIPHERS_OF_SERVER : ROUTE_CIPHERS_OF_CLIENT;
    return true;
}

bool config_read_tls_groups(struct config_reading *reading, const struct kube_pair *pair)
{
    struct span list = span_trim(pair->value.text);

    if (!ingress_cache_groups_are_valid(reading->cache, list))
        return false;
    reading->config.settings.tls.groups =
        span_eq(list, SPAN("auto")) ? SPAN_EMPTY : arena_dup(reading->arena, list);
    return true;
}

bool config_read_dh_param(struct config_reading *reading, const struct kube_pair *pair)
{
    if (ingress_object_name_parse(pair->value.text).name.len == 0)
        return false;
    reading->config.dh_param = pair;
    return true;
}

/* The bytes that the decoder made of it lie in the model's arena, as those of Secrets do. */
bool config_read_ticket_key(struct config_reading *reading, const struct kube_pair *pair)
{
    struct route_ticket_key *key = &reading->config.ticket_key;
    struct span bytes;
    size_t at;

    if (!kube_base64_decode(reading->arena, pair->value.text, &bytes, &at) ||
        !route_ticket_key_len_is_valid(bytes.len))
        return false;
    memcpy(key->bytes, bytes.ptr, bytes.len);
    key->len = (uint32_t)bytes.len;
    return true;
}

static bool media_type_is_valid(struct span type)
{
    size_t slash = span_find(type, '/');

    for (size_t i = 0; i < type.len; i++) {
        unsigned char c = (unsigned char)type.ptr[i];
        if (c <= ' ' || c >= 0x7F || c == '"' || c == ';' || c == ',')
            return false;
    }
    return slash != SPAN_NOT_FOUND && slash > 0 && slash + 1 < type.len;
}

static void type_append(struct buf *types, struct span type)
{
    if (types->len > 0)
        buf_append_byte(types, ' ');
    for (size_t i = 0; i < type.len; i++)
        buf_append_byte(types, ascii_lower(type.ptr[i]));
}

/* text/html is always one of them, as nginx has it. */
static struct span types_read(struct config_reading *reading, const struct kube_pair *pair)
{
    SCOPED(buf_deinit) struct buf types = { 0 };
    struct span rest = pair->value.text, item;

    type_append(&types, SPAN("text/html"));
    while (span_split(&rest, ' ', &item)) {
        if (span_eq(item, SPAN("*")))
            return SPAN("*");
        if (span_eq_nocase(item, SPAN("text/html")))
            continue;
        if (media_type_is_valid(item))
            type_append(&types, item);
        else if (!span_is_empty(item))
            part_report(reading, pair, item, "no media type",
                        SPAN("write types such as application/json, with spaces between, or * for "
                             "all"));
    }
    return arena_dup(reading->arena, buf_span(&types));
}

bool config_read_gzip_types(struct config_reading *reading, const struct kube_pair *pair)
{
    reading->config.settings.gzip.types = types_read(reading, pair);
    return true;
}

bool config_read_gzip_disable(struct config_reading *reading, const struct kube_pair *pair)
{
    struct pattern *pattern = NULL;

    if (pair->value.text.len > 0 && pattern_new(pair->value.text, &pattern) != PATTERN_OK)
        return false;
    pattern_free(pattern);
    reading->config.settings.gzip.not_for = arena_dup(reading->arena, pair->value.text);
    return true;
}

bool config_read_brotli_types(struct config_reading *reading, const struct kube_pair *pair)
{
    reading->config.settings.brotli.types = types_read(reading, pair);
    return true;
}
