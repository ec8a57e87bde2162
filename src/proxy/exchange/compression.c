#include "proxy/exchange/compression.h"

#include "http/coding.h"
#include "proxy/body/compress_sink.h"
#include "proxy/worker.h"

/* As ingress-nginx does it: which statuses, Vary also on answers that this client gets uncompressed, a strong
 * validator made weak, nothing for HTTP/1.0. */

/* A coding that the ConfigMap has for this answer. */
struct offer {
    enum compress_coding coding;
    uint32_t level;
    uint32_t weight; /* that the client gives it */
};

enum { OFFERS_MAX = 2 };

static bool status_is_coded(uint16_t status)
{
    return status == 200 || status == 403 || status == 404;
}

/* A field of this name lists the token. */
static bool head_lists(const struct http_head *head, enum http_name name, struct span token)
{
    if (!(head->names_seen & 1ull << name))
        return false;
    for (uint32_t i = 0; i < head->headers_len; i++) {
        if (head->headers[i].id == name &&
            http_list_has(http_header_value(&head->headers[i]), token))
            return true;
    }
    return false;
}

/* Content that is coded already stays as it is, and what must not be transformed (RFC 9110, 7.7). */
static bool may_be_coded(const struct exchange *exchange)
{
    const struct http_head *response = &exchange->response;
    const struct http_header *coding = http_head_find(response, HTTP_CONTENT_ENCODING);

    return status_is_coded(response->status) && response->body != HTTP_BODY_NONE &&
           (!coding || coding->value_len == 0) &&
           !head_lists(response, HTTP_CACHE_CONTROL, SPAN("no-transform"));
}

static bool type_is_listed(struct span types, const struct http_head *response)
{
    const struct http_header *field = http_head_find(response, HTTP_CONTENT_TYPE);
    struct span type, listed;

    if (span_eq(types, SPAN("*")))
        return true;
    if (!field)
        return false;
    type = http_header_value(field);
    type = span_trim(span_upto(type, span_find(type, ';')));
    while (span_split(&types, ' ', &listed)) {
        if (span_eq_nocase(listed, type))
            return true;
    }
    return false;
}

static bool is_long_enough(const struct http_head *response, uint32_t length_min)
{
    return response->body != HTTP_BODY_LENGTH ||
           (response->content_length >= length_min && response->content_length > 0);
}

/* The weight that the client gives a coding, over all its Accept-Encoding fields. */
static uint32_t weight_of(const struct http_head *request, struct span coding)
{
    uint32_t weight = 0;

    if (!(request->names_seen & 1ull << HTTP_ACCEPT_ENCODING))
        return 0;
    for (uint32_t i = 0; i < request->headers_len && weight == 0; i++) {
        if (request->headers[i].id == HTTP_ACCEPT_ENCODING)
            weight = http_coding_weight(http_header_value(&request->headers[i]), coding);
    }
    return weight;
}

static bool agent_is_spared(const struct exchange *exchange, const struct image_settings *settings)
{
    const struct http_header *agent = http_head_find(&exchange->request, HTTP_USER_AGENT);

    return agent && agent_pattern_matches(&exchange->worker->gzip_not_for,
                                          image_str_get(exchange->view, settings->gzip_not_for),
                                          http_header_value(agent));
}

/* What there is for this answer, br first. Returns how many. */
static size_t offers_find(const struct exchange *exchange, const struct image_settings *settings,
                          struct offer offers[static OFFERS_MAX])
{
    const struct http_head *response = &exchange->response;
    const struct {
        enum image_settings_flag flag;
        enum compress_coding coding;
        uint32_t level, length_min;
        struct image_str types;
    } all[OFFERS_MAX] = {
        { IMAGE_BROTLI, COMPRESS_BROTLI, settings->brotli_level, settings->brotli_length_min,
          settings->brotli_types },
        { IMAGE_GZIP, COMPRESS_GZIP, settings->gzip_level, settings->gzip_length_min,
          settings->gzip_types },
    };
    size_t len = 0;

    for (size_t i = 0; i < OFFERS_MAX; i++) {
        if (!(settings->flags & all[i].flag) || !is_long_enough(response, all[i].length_min) ||
            !type_is_listed(image_str_get(exchange->view, all[i].types), response))
            continue;
        offers[len++] = (struct offer){
            .coding = all[i].coding,
            .level = all[i].level,
            .weight = weight_of(&exchange->request, compress_coding_name(all[i].coding)),
        };
    }
    return len;
}

/* The heaviest that is left, the first of those of one weight; NULL: none. */
static struct offer *offer_best(struct offer *offers, size_t len)
{
    struct offer *best = NULL;

    for (size_t i = 0; i < len; i++) {
        if (offers[i].weight > (best ? best->weight : 0))
            best = &offers[i];
    }
    return best;
}

/* NULL: there is no room for one, or this client is to be spared. */
static struct compress_encoder *encoder_for(struct exchange *exchange,
                                            const struct image_settings *settings,
                                            const struct offer *offer)
{
    const struct http_head *response = &exchange->response;

    if (offer->coding == COMPRESS_GZIP && agent_is_spared(exchange, settings))
        return NULL;
    return compress_encoder_new(&exchange->worker->compress_budget, offer->coding, offer->level,
                                response->body == HTTP_BODY_LENGTH ? response->content_length
                                                                   : COMPRESS_LENGTH_UNKNOWN);
}

void compression_choose(struct exchange *exchange)
{
    const struct image_settings *settings;
    struct offer offers[OFFERS_MAX], *best;

    if (!exchange->view || exchange->is_health)
        return;
    settings = image_settings_get(exchange->view);
    if (!(settings->flags & (IMAGE_GZIP | IMAGE_BROTLI)) || !may_be_coded(exchange))
        return;
    size_t len = offers_find(exchange, settings, offers);
    exchange->answer_varies = len > 0;
    if (!http_head_is_1_1(&exchange->request))
        return;
    while (!exchange->compressor && (best = offer_best(offers, len))) {
        struct compress_encoder *encoder = encoder_for(exchange, settings, best);

        best->weight = 0;
        if (encoder)
            exchange->compressor = compress_sink_new(
                encoder, best->coding, &exchange->worker->buffers, exchange->client->sink);
    }
}

uint64_t compression_fields_dropped(const struct exchange *exchange)
{
    return exchange->compressor
               ? 1ull << HTTP_ETAG | 1ull << HTTP_ACCEPT_RANGES | 1ull << HTTP_CONTENT_ENCODING
               : 0;
}

/* Equal content may be coded to other bytes tomorrow: only a weak validator holds. */
static void etag_put(const struct exchange *exchange, struct head_out *out)
{
    const struct http_header *etag = http_head_find(&exchange->response, HTTP_ETAG);

    if (!etag)
        return;
    switch (http_etag_kind_of(http_header_value(etag))) {
    case HTTP_ETAG_STRONG:
        head_put(out, SPAN("ETag: W/"));
        head_put(out, http_header_value(etag));
        head_put(out, SPAN("\r\n"));
        return;
    case HTTP_ETAG_WEAK:
        head_put_header(out, etag);
        return;
    case HTTP_ETAG_BAD:
        return;
    }
}

void compression_fields_put(const struct exchange *exchange, struct head_out *out)
{
    const struct http_head *response = &exchange->response;

    if (!exchange->answer_varies)
        return;
    if (!head_lists(response, HTTP_VARY, SPAN("Accept-Encoding")) &&
        !head_lists(response, HTTP_VARY, SPAN("*")))
        head_put_field(out, SPAN("Vary"), SPAN("Accept-Encoding"));
    if (!exchange->compressor)
        return;
    head_put_field(out, SPAN("Content-Encoding"),
                   compress_coding_name(exchange->compressor->coding));
    etag_put(exchange, out);
}
