#include "base/json.h"

/* A comma is due after anything but an opening bracket or a key. A text never ends in one of these:
 * it ends in its quote. */
static bool comma_is_due(const struct buf *out)
{
    return out->len > 0 && span_find(SPAN("{[:,"), out->ptr[out->len - 1]) == SPAN_NOT_FOUND;
}

void json_key(struct buf *out, const char *key)
{
    if (comma_is_due(out))
        buf_append_byte(out, ',');
    if (key)
        buf_printf(out, "\"%s\":", key);
}

void json_open(struct buf *out, const char *key, char bracket)
{
    json_key(out, key);
    buf_append_byte(out, bracket);
}

void json_close(struct buf *out, char bracket)
{
    buf_append_byte(out, bracket);
}

void json_u64(struct buf *out, const char *key, uint64_t value)
{
    json_key(out, key);
    buf_printf(out, "%llu", (unsigned long long)value);
}

void json_bool(struct buf *out, const char *key, bool value)
{
    json_key(out, key);
    buf_append(out, value ? SPAN("true") : SPAN("false"));
}

void json_text(struct buf *out, const char *key, struct span text)
{
    json_key(out, key);
    buf_append_byte(out, '"');
    buf_append_json(out, text);
    buf_append_byte(out, '"');
}
