#include "prom_check.h"

#include <stdio.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/num.h"

struct checker {
    struct arena arena;
    struct map families, series;
    struct span family, type;
    bool has_type;
    /* the histogram series that is being read */
    struct span histogram_labels;
    uint64_t bucket_last;
    bool in_histogram, saw_inf, saw_sum;
};

struct sample {
    struct span name, labels, le, value;
};

static const char *const bad_name = "malformed name";

static bool is_name_char(char c, bool is_first)
{
    char lower = ascii_lower(c);

    if ((lower >= 'a' && lower <= 'z') || c == '_' || c == ':')
        return true;
    return !is_first && c >= '0' && c <= '9';
}

static struct span name_take(struct span *rest)
{
    size_t len = 0;

    while (len < rest->len && is_name_char(rest->ptr[len], len == 0))
        len++;
    struct span name = span_upto(*rest, len);
    *rest = span_from(*rest, len);
    return name;
}

static bool byte_take(struct span *rest, char byte)
{
    if (rest->len == 0 || rest->ptr[0] != byte)
        return false;
    *rest = span_from(*rest, 1);
    return true;
}

/* The text between quotes, escapes checked. */
static const char *label_value_take(struct span *rest, struct span *ret_value)
{
    if (!byte_take(rest, '"'))
        return "label value without quote";
    for (size_t i = 0; i < rest->len; i++) {
        if (rest->ptr[i] == '"') {
            *ret_value = span_upto(*rest, i);
            *rest = span_from(*rest, i + 1);
            return NULL;
        }
        if (rest->ptr[i] != '\\')
            continue;
        i++;
        if (i == rest->len || span_find(SPAN("\\\"n"), rest->ptr[i]) == SPAN_NOT_FOUND)
            return "unknown escape";
    }
    return "label value without end";
}

static const char *labels_take(struct checker *checker, struct span *rest, struct sample *sample)
{
    struct buf others = { 0 };
    const char *fault = NULL;

    if (!byte_take(rest, '{'))
        return NULL;
    do {
        struct span name = name_take(rest), value;
        if (span_is_empty(name) || span_find(name, ':') != SPAN_NOT_FOUND || !byte_take(rest, '='))
            fault = bad_name;
        else
            fault = label_value_take(rest, &value);
        if (fault)
            break;
        if (span_eq(name, SPAN("le")))
            sample->le = value;
        else
            buf_printf(&others, SPAN_FMT "=" SPAN_FMT ",", SPAN_ARG(name), SPAN_ARG(value));
    } while (byte_take(rest, ','));
    if (!fault && !byte_take(rest, '}'))
        fault = "labels without end";
    sample->labels = arena_dup(&checker->arena, buf_span(&others));
    buf_deinit(&others);
    return fault;
}

static bool is_number(struct span text)
{
    size_t dot = span_find(text, '.');
    struct span whole = span_upto(text, dot == SPAN_NOT_FOUND ? text.len : dot);
    uint64_t value;

    if (!num_parse_u64(whole, UINT64_MAX, &value))
        return false;
    return dot == SPAN_NOT_FOUND || num_parse_u64(span_from(text, dot + 1), UINT64_MAX, &value);
}

static const char *histogram_end(struct checker *checker)
{
    if (checker->in_histogram)
        return "histogram without count";
    return NULL;
}

static const char *bucket_check(struct checker *checker, const struct sample *sample)
{
    uint64_t count;

    if (!num_parse_u64(sample->value, UINT64_MAX, &count))
        return "bucket is no count";
    if (!checker->in_histogram) {
        checker->in_histogram = true;
        checker->histogram_labels = sample->labels;
        checker->saw_inf = checker->saw_sum = false;
        checker->bucket_last = 0;
    }
    if (!span_eq(checker->histogram_labels, sample->labels))
        return "buckets of two histograms mixed";
    if (checker->saw_inf || !sample->le.ptr)
        return "bucket after +Inf, or without le";
    if (count < checker->bucket_last)
        return "buckets are not cumulative";
    checker->bucket_last = count;
    checker->saw_inf = span_eq(sample->le, SPAN("+Inf"));
    return checker->saw_inf || is_number(sample->le) ? NULL : "le is no number";
}

static const char *histogram_check(struct checker *checker, const struct sample *sample)
{
    struct span suffix = span_from(sample->name, checker->family.len);
    uint64_t count;

    if (span_eq(suffix, SPAN("_bucket")))
        return bucket_check(checker, sample);
    if (!checker->saw_inf || !span_eq(checker->histogram_labels, sample->labels))
        return "histogram without +Inf";
    if (span_eq(suffix, SPAN("_sum"))) {
        checker->saw_sum = true;
        return NULL;
    }
    if (!span_eq(suffix, SPAN("_count")) || !checker->saw_sum)
        return "histogram without sum";
    if (!num_parse_u64(sample->value, UINT64_MAX, &count) || count != checker->bucket_last)
        return "count is not that of +Inf";
    checker->in_histogram = false;
    return NULL;
}

static const char *sample_check(struct checker *checker, struct span line)
{
    struct sample sample = { 0 };
    struct span rest = line;

    sample.name = name_take(&rest);
    if (span_is_empty(sample.name))
        return bad_name;
    const char *fault = labels_take(checker, &rest, &sample);
    if (fault)
        return fault;
    struct span series = arena_dup(&checker->arena, span_upto(line, line.len - rest.len));
    if (!byte_take(&rest, ' ') || !is_number(rest))
        return "no number";
    sample.value = rest;
    if (map_put(&checker->series, series, (void *)series.ptr))
        return "series is there twice";
    if (!checker->has_type || !span_starts_with(sample.name, checker->family))
        return "sample outside its family";
    if (span_eq(checker->type, SPAN("histogram")))
        return histogram_check(checker, &sample);
    return span_eq(sample.name, checker->family) ? NULL : "sample outside its family";
}

static const char *comment_check(struct checker *checker, struct span line)
{
    struct span rest = span_from(line, 7);
    struct span name = name_take(&rest);

    if (span_is_empty(name) || !byte_take(&rest, ' ') || span_is_empty(rest))
        return "malformed comment";
    if (span_starts_with(line, SPAN("# HELP "))) {
        checker->family = arena_dup(&checker->arena, name);
        checker->has_type = false;
        if (map_put(&checker->families, checker->family, (void *)checker->family.ptr))
            return "family is there twice";
        return histogram_end(checker);
    }
    if (!span_starts_with(line, SPAN("# TYPE ")) || !span_eq(name, checker->family))
        return "TYPE without HELP";
    checker->type = rest;
    checker->has_type = true;
    bool is_known = span_eq(rest, SPAN("counter")) || span_eq(rest, SPAN("gauge")) ||
                    span_eq(rest, SPAN("histogram"));
    return is_known ? NULL : "unknown type";
}

static const char *lines_check(struct checker *checker, struct span text)
{
    static char fault_text[512];
    struct span rest = text, line;

    if (text.len == 0 || text.ptr[text.len - 1] != '\n')
        return "no line feed at the end";
    rest.len--;
    while (span_split(&rest, '\n', &line)) {
        const char *fault = span_starts_with(line, SPAN("#")) ? comment_check(checker, line)
                                                              : sample_check(checker, line);
        if (fault) {
            snprintf(fault_text, sizeof(fault_text), "%s: " SPAN_FMT, fault, SPAN_ARG(line));
            return fault_text;
        }
    }
    return histogram_end(checker);
}

const char *prom_check(struct span text)
{
    struct checker checker = { 0 };

    arena_init(&checker.arena, 65536);
    const char *fault = lines_check(&checker, text);
    map_deinit(&checker.families);
    map_deinit(&checker.series);
    arena_deinit(&checker.arena);
    return fault;
}

struct span prom_value(struct span text, const char *series)
{
    struct span rest = text, line, name = span_from_str(series);

    while (span_split(&rest, '\n', &line)) {
        if (span_starts_with(line, name) && line.len > name.len && line.ptr[name.len] == ' ')
            return span_from(line, name.len + 1);
    }
    return SPAN_EMPTY;
}
