#include "kube/scalar.h"

struct word {
    const char *text;
    enum kube_node_kind kind;
    bool truth;
};

static const struct word words[] = {
    { "~", KUBE_NODE_NULL, false },       { "null", KUBE_NODE_NULL, false },
    { "Null", KUBE_NODE_NULL, false },    { "NULL", KUBE_NODE_NULL, false },
    { "true", KUBE_NODE_BOOL, true },     { "True", KUBE_NODE_BOOL, true },
    { "TRUE", KUBE_NODE_BOOL, true },     { "false", KUBE_NODE_BOOL, false },
    { "False", KUBE_NODE_BOOL, false },   { "FALSE", KUBE_NODE_BOOL, false },
    { "yes", KUBE_NODE_BOOL, true },      { "Yes", KUBE_NODE_BOOL, true },
    { "YES", KUBE_NODE_BOOL, true },      { "no", KUBE_NODE_BOOL, false },
    { "No", KUBE_NODE_BOOL, false },      { "NO", KUBE_NODE_BOOL, false },
    { "on", KUBE_NODE_BOOL, true },       { "On", KUBE_NODE_BOOL, true },
    { "ON", KUBE_NODE_BOOL, true },       { "off", KUBE_NODE_BOOL, false },
    { "Off", KUBE_NODE_BOOL, false },     { "OFF", KUBE_NODE_BOOL, false },
    { "y", KUBE_NODE_BOOL, true },        { "Y", KUBE_NODE_BOOL, true },
    { "n", KUBE_NODE_BOOL, false },       { "N", KUBE_NODE_BOOL, false },
    { ".nan", KUBE_NODE_NUMBER, false },  { ".NaN", KUBE_NODE_NUMBER, false },
    { ".NAN", KUBE_NODE_NUMBER, false },  { ".inf", KUBE_NODE_NUMBER, false },
    { ".Inf", KUBE_NODE_NUMBER, false },  { ".INF", KUBE_NODE_NUMBER, false },
    { "+.inf", KUBE_NODE_NUMBER, false }, { "+.Inf", KUBE_NODE_NUMBER, false },
    { "+.INF", KUBE_NODE_NUMBER, false }, { "-.inf", KUBE_NODE_NUMBER, false },
    { "-.Inf", KUBE_NODE_NUMBER, false }, { "-.INF", KUBE_NODE_NUMBER, false },
};

enum { WORD_BYTES_MAX = 5 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int digit_value(char c)
{
    if (is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* Takes the prefix off *text; octal is also what merely starts with 0, as in C. */
static int base_take(struct span *text)
{
    if (text->len < 2 || text->ptr[0] != '0')
        return 10;

    int base = 8;
    char letter = ascii_lower(text->ptr[1]);
    if (letter == 'x')
        base = 16;
    else if (letter == 'b')
        base = 2;
    *text = span_from(*text, base != 8 || letter == 'o' ? 2 : 1);
    return base;
}

static bool sign_take(struct span *text)
{
    bool is_negative = text->len && text->ptr[0] == '-';

    if (text->len && (text->ptr[0] == '-' || text->ptr[0] == '+'))
        *text = span_from(*text, 1);
    return is_negative;
}

bool kube_scalar_int(struct span text, int64_t *ret_value)
{
    bool is_negative = sign_take(&text);
    int base = base_take(&text);
    int64_t value = 0;
    bool has_digit = false;

    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '_')
            continue;
        int digit = digit_value(text.ptr[i]);
        if (digit >= base || __builtin_mul_overflow(value, base, &value) ||
            __builtin_sub_overflow(value, digit, &value))
            return false;
        has_digit = true;
    }
    /* Built on the negative side, which reaches one further. */
    if (!has_digit || (!is_negative && value == INT64_MIN))
        return false;
    *ret_value = is_negative ? value : -value;
    return true;
}

static size_t digits_len(struct span text, size_t at)
{
    size_t start = at;

    while (at < text.len && (is_digit(text.ptr[at]) || text.ptr[at] == '_'))
        at++;
    return at - start;
}

/* [-+]? ( . digits | digits ( . digits? )? ) ( e [-+]? digits )? ; whole numbers too large for 64
 * bits are floats by this rule as well. */
static bool is_float(struct span text)
{
    sign_take(&text);
    size_t whole = digits_len(text, 0), at = whole, fraction = 0;

    if (at < text.len && text.ptr[at] == '.') {
        fraction = digits_len(text, at + 1);
        at += 1 + fraction;
    }
    if ((!whole && !fraction) || (whole && text.ptr[0] == '_'))
        return false;
    if (at == text.len)
        return true;
    if (ascii_lower(text.ptr[at]) != 'e')
        return false;
    at++;
    if (at < text.len && (text.ptr[at] == '-' || text.ptr[at] == '+'))
        at++;
    size_t exponent = digits_len(text, at);
    return exponent > 0 && at + exponent == text.len;
}

static const struct word *word_find(struct span text)
{
    /* Most scalars are ruled out by their length or first letter. */
    if (text.len > WORD_BYTES_MAX || !memchr("~nNtTfFyYoO.+-", text.ptr[0], 14))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_eq(text, span_from_str(words[i].text)))
            return &words[i];
    }
    return NULL;
}

static bool may_be_number(struct span text)
{
    return is_digit(text.ptr[0]) || text.ptr[0] == '-' || text.ptr[0] == '+' || text.ptr[0] == '.';
}

enum kube_node_kind kube_scalar_resolve(struct span text, bool *ret_truth)
{
    int64_t ignored;

    if (span_is_empty(text))
        return KUBE_NODE_NULL;
    const struct word *word = word_find(text);
    if (word && word->kind == KUBE_NODE_BOOL)
        *ret_truth = word->truth;
    if (word)
        return word->kind;
    if (may_be_number(text) && (kube_scalar_int(text, &ignored) || is_float(text)))
        return KUBE_NODE_NUMBER;
    return KUBE_NODE_STRING;
}
