#include "http/coding.h"

#include "http/chars.h"

/* qvalue = ( "0" [ "." 0*3DIGIT ] ) / ( "1" [ "." 0*3("0") ] ). What is none weighs nothing. */
static uint32_t qvalue_parse(struct span text)
{
    uint32_t weight = 0, place = 100;

    if (text.len == 0 || text.len > 5 || (text.ptr[0] != '0' && text.ptr[0] != '1') ||
        (text.len > 1 && text.ptr[1] != '.'))
        return 0;
    weight = text.ptr[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.len; i++, place /= 10) {
        if (!http_char_is_digit(text.ptr[i]))
            return 0;
        weight += (uint32_t)(text.ptr[i] - '0') * place;
    }
    return weight <= 1000 ? weight : 0;
}

/* "q=0.5"; codings have no other parameter. */
static uint32_t weight_parse(struct span parameter)
{
    return span_starts_with_nocase(parameter, SPAN("q=")) ? qvalue_parse(span_from(parameter, 2))
                                                          : 0;
}

uint32_t http_coding_weight(struct span accept_encoding, struct span coding)
{
    struct span item;

    while (span_split(&accept_encoding, ',', &item)) {
        size_t end = span_find(item, ';');

        if (span_eq_nocase(span_trim(span_upto(item, end)), coding))
            return end == SPAN_NOT_FOUND ? 1000 : weight_parse(span_trim(span_from(item, end + 1)));
    }
    return 0;
}

enum http_etag_kind http_etag_kind_of(struct span etag)
{
    bool weak = span_starts_with(etag, SPAN("W/"));
    struct span opaque = span_from(etag, weak ? 2 : 0);

    if (opaque.len < 2 || opaque.ptr[0] != '"' || opaque.ptr[opaque.len - 1] != '"')
        return HTTP_ETAG_BAD;
    return weak ? HTTP_ETAG_WEAK : HTTP_ETAG_STRONG;
}
