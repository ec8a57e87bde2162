#include "kube/source.h"

#include "base/utf8.h"

/* --- UTF-16 --- */

struct utf16_reader {
    struct span bytes;
    size_t at;
    bool is_big_endian;
};

static uint32_t unit_peek(const struct utf16_reader *reader)
{
    uint32_t first = (unsigned char)reader->bytes.ptr[reader->at];
    uint32_t second = (unsigned char)reader->bytes.ptr[reader->at + 1];

    return reader->is_big_endian ? first << 8 | second : second << 8 | first;
}

static bool has_unit(const struct utf16_reader *reader)
{
    return reader->bytes.len - reader->at >= 2;
}

static uint32_t rune_next(struct utf16_reader *reader)
{
    uint32_t unit = unit_peek(reader);

    reader->at += 2;
    if (unit < 0xD800 || unit > 0xDFFF)
        return unit;
    if (unit > 0xDBFF || !has_unit(reader))
        return 0xFFFD;
    uint32_t low = unit_peek(reader);
    if (low < 0xDC00 || low > 0xDFFF)
        return 0xFFFD;
    reader->at += 2;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

static struct span utf16_to_utf8(struct arena *arena, struct span bytes, bool is_big_endian)
{
    struct utf16_reader reader = { .bytes = bytes, .is_big_endian = is_big_endian };
    char *start = arena_alloc(arena, bytes.len / 2 * 3 + 1); /* a unit gives at most three bytes */
    char *at = start;

    while (has_unit(&reader))
        at = utf8_encode(at, rune_next(&reader));
    return span_of(start, (size_t)(at - start));
}

struct span kube_source_utf8(struct arena *arena, struct span text)
{
    if (span_starts_with(text, SPAN("\xEF\xBB\xBF")))
        return span_from(text, 3);
    if (span_starts_with(text, SPAN("\xFF\xFE")))
        return utf16_to_utf8(arena, span_from(text, 2), false);
    if (span_starts_with(text, SPAN("\xFE\xFF")))
        return utf16_to_utf8(arena, span_from(text, 2), true);
    return text;
}

/* --- documents --- */

/* Length of the first line, its break too: LF, CR LF or CR. */
static size_t line_len(struct span text)
{
    for (size_t at = 0; at < text.len; at++) {
        if (text.ptr[at] == '\n')
            return at + 1;
        if (text.ptr[at] == '\r')
            return at + (at + 1 < text.len && text.ptr[at + 1] == '\n' ? 2 : 1);
    }
    return text.len;
}

static bool is_marker(struct span line, struct span marker)
{
    if (!span_starts_with(line, marker))
        return false;
    return line.len == marker.len || strchr(" \t\r\n", line.ptr[marker.len]) != NULL;
}

/* Comments and "%" directives may stand before their document's "---". */
static bool is_preamble(struct span line)
{
    size_t at = 0;

    if (line.ptr[0] == '%')
        return true;
    while (at < line.len && strchr(" \t\r\n", line.ptr[at]))
        at++;
    return at == line.len || line.ptr[at] == '#';
}

bool kube_cutter_next(struct kube_cutter *cutter, struct span *ret_piece, uint32_t *ret_first_line)
{
    struct span rest = cutter->rest;
    bool is_started = false; /* something else than a preamble was seen */
    size_t piece_bytes = 0;

    if (span_is_empty(rest))
        return false;
    *ret_first_line = cutter->line;
    while (!span_is_empty(rest)) {
        struct span line = span_upto(rest, line_len(rest));
        if (is_started && is_marker(line, SPAN("---")))
            break;
        rest = span_from(rest, line.len);
        cutter->line++;
        if (is_marker(line, SPAN("...")))
            break;
        is_started = is_started || !is_preamble(line);
        piece_bytes += line.len;
    }
    *ret_piece = span_upto(cutter->rest, piece_bytes);
    cutter->rest = rest;
    return true;
}
