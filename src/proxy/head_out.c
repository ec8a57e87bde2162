#include "proxy/head_out.h"

#include "base/num.h"

void head_put_field_u64(struct head_out *out, struct span name, uint64_t value)
{
    char digits[20];

    head_put_field(out, name, span_of(digits, num_format_u64(digits, value)));
}

size_t head_fields_cut(struct span lines, struct http_header *fields, size_t max)
{
    size_t len = 0;

    while (lines.len > 0) {
        size_t colon = span_find(lines, ':'), end = span_find(lines, '\r');

        invariant(len < max && colon < end && end + 1 < lines.len);
        struct span value = span_trim(span_of(lines.ptr + colon + 1, end - colon - 1));
        fields[len++] = (struct http_header){
            .name = lines.ptr,
            .value = value.ptr,
            .value_len = (uint32_t)value.len,
            .name_len = (uint16_t)colon,
            .id = HTTP_NAME_OTHER,
        };
        lines = span_from(lines, end + 2);
    }
    return len;
}
