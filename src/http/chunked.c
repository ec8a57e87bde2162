#include "http/chunked.h"

#include "base/bug.h"
#include "http/chars.h"
#include "http/h1_head.h"
#include "http/h1_scan.h"

enum { SIZE_DIGITS_MAX = 16, END_LINE = 2 };

/* Sets *ret_line to the complete line at the start of `bytes`, without its CRLF. Refuses every
 * control byte but tab, so that no other line end hides in an extension. */
static int take_line(struct span bytes, struct span *ret_line)
{
    struct span window = span_upto(bytes, CHUNKED_LINE_MAX);
    const char *end = window.ptr + window.len;
    const char *stop = h1_scan_text(window.ptr, end);

    if (end - stop >= END_LINE) {
        *ret_line = span_of(window.ptr, (size_t)(stop - window.ptr));
        return stop[0] == '\r' && stop[1] == '\n' ? CHUNKED_PIECE : CHUNKED_BAD;
    }
    if (stop < end && *stop != '\r')
        return CHUNKED_BAD;
    return window.len == CHUNKED_LINE_MAX ? CHUNKED_BAD : CHUNKED_MORE;
}

/* "1f" or "1f;name=value": hexadecimal digits, then nothing or an extension. Space before the
 * semicolon is allowed by the grammar (RFC 9112, 7.1.1), space before the line end is not. */
static bool parse_size(struct span line, uint64_t *ret_size)
{
    uint64_t size = 0;
    size_t i = 0;
    for (; i < line.len && i < SIZE_DIGITS_MAX; i++) {
        int digit = http_char_hex(line.ptr[i]);
        if (digit < 0)
            break;
        size = size << 4 | (uint64_t)digit;
    }
    if (i == 0 || size > INT64_MAX)
        return false;

    struct span rest = span_from(line, i);
    struct span extension = span_trim(rest);
    bool is_plain = rest.len == 0;
    if (!is_plain && (extension.len == 0 || extension.ptr[0] != ';'))
        return false;
    *ret_size = size;
    return true;
}

static bool are_fields(struct span lines)
{
    struct h1_parser parser = { 0 };
    struct http_header header;
    const char *end = lines.ptr + lines.len;
    const char *at = lines.ptr;
    while (at != NULL && at < end)
        at = h1_field_parse(&parser, at, end, &header);
    return at != NULL;
}

/* An empty section is the end line alone; any other ends as a head does, and is found likewise. */
static int trailers_end(struct chunked *decoder, struct span bytes, size_t *ret_end)
{
    static const struct h1_limits limits = { .head_bytes = CHUNKED_TRAILERS_MAX,
                                             .headers = HTTP_HEADERS_MAX };

    if (bytes.len == 0 || (bytes.len == 1 && bytes.ptr[0] == '\r'))
        return H1_PARTIAL;
    if (bytes.ptr[0] == '\r' && bytes.ptr[1] == '\n') {
        *ret_end = END_LINE;
        return H1_OK;
    }
    if (!http_char_is(bytes.ptr[0], HTTP_CHAR_TOKEN))
        return H1_BAD;
    return h1_head_end(&decoder->trailers, bytes, 0, &limits, ret_end);
}

static int decode_trailers(struct chunked *decoder, struct span bytes, size_t *ret_consumed,
                           struct span *ret_piece)
{
    size_t end;
    int r = trailers_end(decoder, bytes, &end);
    if (r != H1_OK)
        return r == H1_PARTIAL ? CHUNKED_MORE : CHUNKED_BAD;

    struct span lines = span_upto(bytes, end - END_LINE);
    if (!are_fields(lines))
        return CHUNKED_BAD;
    decoder->state = CHUNKED_DONE;
    *ret_consumed = end;
    *ret_piece = lines;
    return CHUNKED_END;
}

static int decode_size(struct chunked *decoder, struct span bytes, size_t *ret_consumed)
{
    struct span line;
    /* A line that can be no size is refused before it is complete: a peer that waits for an answer
     * to bytes that it never meant as chunks gets it. */
    if (bytes.len > 0 && http_char_hex(bytes.ptr[0]) < 0)
        return CHUNKED_BAD;
    int r = take_line(bytes, &line);
    if (r != CHUNKED_PIECE)
        return r;
    if (!parse_size(line, &decoder->left))
        return CHUNKED_BAD;
    decoder->state = decoder->left > 0 ? CHUNKED_DATA : CHUNKED_TRAILERS;
    *ret_consumed = line.len + END_LINE;
    return CHUNKED_PIECE;
}

static int decode_data_end(struct chunked *decoder, struct span bytes, size_t *ret_consumed)
{
    if (bytes.len > 0 && bytes.ptr[0] != '\r')
        return CHUNKED_BAD;
    if (bytes.len < END_LINE)
        return CHUNKED_MORE;
    if (bytes.ptr[1] != '\n')
        return CHUNKED_BAD;
    decoder->state = CHUNKED_SIZE;
    *ret_consumed = END_LINE;
    return CHUNKED_PIECE;
}

static int decode_data(struct chunked *decoder, struct span bytes, size_t *ret_consumed,
                       struct span *ret_piece)
{
    if (bytes.len == 0)
        return CHUNKED_MORE;
    size_t len = (size_t)MIN((uint64_t)bytes.len, decoder->left);
    decoder->left -= len;
    if (decoder->left == 0)
        decoder->state = CHUNKED_DATA_END;
    *ret_consumed = len;
    *ret_piece = span_upto(bytes, len);
    return CHUNKED_PIECE;
}

/* Sizes and line ends are stepped over in one call, so that a caller sees content alone. */
int chunked_decode(struct chunked *decoder, struct span bytes, size_t *ret_consumed,
                   struct span *ret_piece)
{
    size_t consumed = 0;
    int r = CHUNKED_PIECE;

    while (r == CHUNKED_PIECE) {
        struct span rest = span_from(bytes, consumed);
        size_t step = 0;
        bool steps_over = true;

        switch (decoder->state) {
        case CHUNKED_SIZE:
            r = decode_size(decoder, rest, &step);
            break;
        case CHUNKED_DATA_END:
            r = decode_data_end(decoder, rest, &step);
            break;
        case CHUNKED_DATA:
            steps_over = false;
            r = decode_data(decoder, rest, &step, ret_piece);
            break;
        case CHUNKED_TRAILERS:
            r = decode_trailers(decoder, rest, &step, ret_piece);
            break;
        case CHUNKED_DONE:
            *ret_piece = SPAN_EMPTY;
            r = CHUNKED_END;
            break;
        }
        consumed += step;
        if (!steps_over)
            break;
    }
    *ret_consumed = consumed;
    return r;
}

size_t chunked_trailers_parse(struct span lines, struct http_header *headers, size_t max)
{
    struct h1_parser parser = { 0 };
    struct http_header header;
    const char *end = lines.ptr + lines.len;
    size_t len = 0;

    for (const char *at = lines.ptr; at < end && len < max;) {
        at = h1_field_parse(&parser, at, end, &header);
        if (at == NULL)
            return len;
        if (http_may_trail(&header))
            headers[len++] = header;
    }
    return len;
}

size_t chunked_encode_head(char *at, uint64_t size)
{
    size_t digits = 1;
    while (digits < SIZE_DIGITS_MAX && size >> (4 * digits) != 0)
        digits++;
    for (size_t i = 0; i < digits; i++)
        at[i] = "0123456789abcdef"[size >> (4 * (digits - 1 - i)) & 0xf];
    at[digits] = '\r';
    at[digits + 1] = '\n';
    return digits + END_LINE;
}
