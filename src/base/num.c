#include "base/num.h"

bool num_parse_u64(struct span text, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(text.ptr[i] - '0'), &value))
            return false;
    }
    if (value > max)
        return false;
    *ret_value = value;
    return true;
}

bool num_parse_u32(struct span text, uint32_t max, uint32_t *ret_value)
{
    uint64_t value;

    if (!num_parse_u64(text, max, &value))
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

bool num_parse_i64(struct span text, int64_t *ret_value)
{
    bool negative = text.len > 0 && text.ptr[0] == '-';
    uint64_t value;

    if (!num_parse_u64(span_from(text, negative), (uint64_t)INT64_MAX + negative, &value))
        return false;
    *ret_value = (int64_t)(negative ? -value : value);
    return true;
}

bool num_parse_port(struct span text, uint16_t *ret_port)
{
    uint64_t value;

    if (!num_parse_u64(text, UINT16_MAX, &value) || value == 0)
        return false;
    *ret_port = (uint16_t)value;
    return true;
}

bool num_parse_bool(struct span text, bool *ret_value)
{
    static const struct {
        struct span text;
        bool value;
    } words[] = {
        { { "true", 4 }, true },   { { "false", 5 }, false }, { { "1", 1 }, true },
        { { "0", 1 }, false },     { { "t", 1 }, true },      { { "f", 1 }, false },
        { { "T", 1 }, true },      { { "F", 1 }, false },     { { "TRUE", 4 }, true },
        { { "FALSE", 5 }, false }, { { "True", 4 }, true },   { { "False", 5 }, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_eq(text, words[i].text)) {
            *ret_value = words[i].value;
            return true;
        }
    }
    return false;
}

bool num_parse_size(struct span text, uint64_t max, uint64_t *ret_bytes)
{
    unsigned shift = 0;
    uint64_t value;

    if (text.len > 0) {
        switch (ascii_lower(text.ptr[text.len - 1])) {
        case 'k':
            shift = 10;
            break;
        case 'm':
            shift = 20;
            break;
        case 'g':
            shift = 30;
            break;
        default:
            break;
        }
    }
    if (!num_parse_u64(span_upto(text, text.len - (shift != 0)), max >> shift, &value))
        return false;
    *ret_bytes = value << shift;
    return true;
}

/* One "<digits>[.<digits>]<unit>" off the front of *text, added to *total_us. */
static bool duration_term(struct span *text, uint64_t *total_us)
{
    static const struct {
        struct span name;
        uint64_t us;
    } units[] = {
        { { "ms", 2 }, 1000 },    { { "us", 2 }, 1 },      { { "h", 1 }, 3600000000 },
        { { "m", 1 }, 60000000 }, { { "s", 1 }, 1000000 },
    };
    size_t digits = 0, fraction = 0;
    uint64_t whole, part = 0, part_scale = 1, unit_us = 0;

    while (digits < text->len && text->ptr[digits] >= '0' && text->ptr[digits] <= '9')
        digits++;
    if (!num_parse_u64(span_upto(*text, digits), UINT32_MAX, &whole))
        return false;
    *text = span_from(*text, digits);
    if (text->len > 0 && text->ptr[0] == '.') {
        *text = span_from(*text, 1);
        while (fraction < text->len && text->ptr[fraction] >= '0' && text->ptr[fraction] <= '9')
            fraction++;
        if (fraction > 6 || !num_parse_u64(span_upto(*text, fraction), UINT32_MAX, &part))
            return false;
        for (size_t i = 0; i < fraction; i++)
            part_scale *= 10;
        *text = span_from(*text, fraction);
    }
    for (size_t i = 0; i < ARRAY_LEN(units) && !unit_us; i++) {
        if (span_starts_with(*text, units[i].name)) {
            unit_us = units[i].us;
            *text = span_from(*text, units[i].name.len);
        }
    }
    /* One term cannot overflow, by the bounds on whole and part; a sum of them can. */
    return unit_us != 0 && !__builtin_add_overflow(*total_us, whole * unit_us, total_us) &&
           !__builtin_add_overflow(*total_us, part * unit_us / part_scale, total_us);
}

bool num_parse_duration_ms(struct span text, uint64_t max_ms, uint64_t *ret_ms)
{
    uint64_t seconds, total_us = 0;
    size_t terms = 0;

    if (num_parse_u64(text, max_ms / 1000, &seconds)) {
        *ret_ms = seconds * 1000;
        return true;
    }
    if (text.len == 0)
        return false;
    while (text.len > 0) {
        if (++terms > 5 || !duration_term(&text, &total_us))
            return false;
    }
    if (total_us / 1000 > max_ms)
        return false;
    *ret_ms = total_us / 1000;
    return true;
}

size_t num_format_u64(char *at, uint64_t value)
{
    char digits[20];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    for (size_t i = 0; i < n; i++)
        at[i] = digits[n - 1 - i];
    return n;
}
