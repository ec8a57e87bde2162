#include "control/prom.h"

#include "base/bug.h"

static const char *type_name(enum prom_type type)
{
    switch (type) {
    case PROM_COUNTER:
        return "counter";
    case PROM_GAUGE:
        return "gauge";
    case PROM_HISTOGRAM:
        return "histogram";
    }
    unreachable();
}

void prom_family(struct buf *out, const char *name, enum prom_type type, const char *help)
{
    buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type_name(type));
}

void prom_label_append(struct buf *out, const char *name, struct span value)
{
    buf_printf(out, "%s=\"", name);
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c == '\n') {
            buf_append(out, SPAN("\\n"));
            continue;
        }
        if (c == '"' || c == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, c);
    }
    buf_append(out, SPAN("\","));
}

static void sample_name(struct buf *out, const char *name, const char *suffix, struct span labels)
{
    if (labels.len)
        labels.len--; /* the trailing comma */
    buf_printf(out, "%s%s", name, suffix);
    if (labels.len)
        buf_printf(out, "{" SPAN_FMT "}", SPAN_ARG(labels));
    buf_append_byte(out, ' ');
}

static void seconds_append(struct buf *out, uint64_t us)
{
    uint64_t fraction = us % 1000000;
    char digits[6];
    size_t len = sizeof(digits);

    for (size_t i = len; i-- > 0; fraction /= 10)
        digits[i] = (char)('0' + fraction % 10);
    while (len > 0 && digits[len - 1] == '0')
        len--;
    buf_printf(out, "%llu", (unsigned long long)(us / 1000000));
    if (len)
        buf_printf(out, "." SPAN_FMT, (int)len, digits);
}

void prom_u64(struct buf *out, const char *name, struct span labels, uint64_t value)
{
    sample_name(out, name, "", labels);
    buf_printf(out, "%llu\n", (unsigned long long)value);
}

static void seconds_sample(struct buf *out, const char *name, const char *suffix,
                           struct span labels, uint64_t value_us)
{
    sample_name(out, name, suffix, labels);
    seconds_append(out, value_us);
    buf_append_byte(out, '\n');
}

void prom_seconds(struct buf *out, const char *name, struct span labels, uint64_t value_us)
{
    seconds_sample(out, name, "", labels, value_us);
}

static void bucket_append(struct buf *out, const char *name, struct span labels, uint64_t bound_us,
                          uint64_t count)
{
    buf_printf(out, "%s_bucket{" SPAN_FMT "le=\"", name, SPAN_ARG(labels));
    if (bound_us == UINT64_MAX)
        buf_append(out, SPAN("+Inf"));
    else
        seconds_append(out, bound_us);
    buf_printf(out, "\"} %llu\n", (unsigned long long)count);
}

void prom_histogram_us(struct buf *out, const char *name, struct span labels,
                       const uint64_t *bounds_us, const uint64_t *buckets, size_t buckets_len,
                       uint64_t sum_us)
{
    uint64_t count = 0;

    invariant(buckets_len > 0 && bounds_us[buckets_len - 1] == UINT64_MAX);
    for (size_t i = 0; i < buckets_len; i++) {
        count += buckets[i];
        bucket_append(out, name, labels, bounds_us[i], count);
    }
    seconds_sample(out, name, "_sum", labels, sum_us);
    sample_name(out, name, "_count", labels);
    buf_printf(out, "%llu\n", (unsigned long long)count);
}
