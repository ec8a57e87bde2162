#include "http/h1_head.h"

/* A head is parsed in two steps. The first looks for the line feeds alone, each byte once however
 * the bytes arrive, and finds the end. The second parses the whole head in one go, so that it needs
 * no state between calls and may point into the bytes. The first step costs a few per cent of the
 * second and keeps the sum linear for a client that sends a byte at a time.
 *
 * What the first step refuses it refuses at a certain byte, and what the second refuses it refuses
 * only once the head is complete: so a verdict depends on the bytes, never on how they were split.
 */

int h1_refuse(struct h1_parser *parser, enum h1_fault fault)
{
    parser->fault = fault;
    return H1_BAD;
}

int h1_head_end(struct h1_parser *parser, struct span bytes, size_t start,
                const struct h1_limits *limits, size_t *ret_end)
{
    size_t stop = start + MIN(bytes.len - start, limits->head_bytes);
    size_t at = MAX(parser->seen, start);

    while (at < stop) {
        const char *lf = memchr(bytes.ptr + at, '\n', stop - at);
        if (lf == NULL)
            break;
        if (lf[-1] != '\r')
            return h1_refuse(parser, H1_FAULT_LINE_END);
        at = (size_t)(lf + 1 - bytes.ptr);
        if (lf[-2] == '\n') {
            *ret_end = at;
            return H1_OK;
        }
        if (parser->lines++ > limits->headers) /* the first line holds no field */
            return h1_refuse(parser, H1_FAULT_TOO_MANY_FIELDS);
    }

    if (bytes.len - start >= limits->head_bytes)
        return h1_refuse(parser, H1_FAULT_HEAD_TOO_LARGE);
    parser->seen = stop;
    return H1_PARTIAL;
}

const char *h1_refuse_line(struct h1_parser *parser, const char *at, const char *end,
                           enum h1_fault otherwise)
{
    bool bare = at < end && (*at == '\r' || *at == '\n');
    (void)h1_refuse(parser, bare ? H1_FAULT_LINE_END : otherwise);
    return NULL;
}

#define H1_FAULT(id, status, text) [id] = { status, text },
static const struct {
    uint16_t status;
    const char *text;
} faults[H1_FAULTS_LEN] = {
    [H1_FAULT_NONE] = { 200, "no fault" },
#include "http/h1_faults.h"
};
#undef H1_FAULT

const char *h1_fault_text(enum h1_fault fault)
{
    return faults[fault].text;
}

uint16_t h1_fault_status(enum h1_fault fault)
{
    return faults[fault].status;
}
