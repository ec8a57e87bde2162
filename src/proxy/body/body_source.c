#include "proxy/body/body_source.h"

#include "base/bug.h"

static int memory_peek(struct body_source *base, struct span *ret_piece)
{
    struct memory_source *source = container_of(base, struct memory_source, base);

    if (source->rest.len == 0)
        return SOURCE_END;
    *ret_piece = source->rest;
    return SOURCE_PIECE;
}

static void memory_consume(struct body_source *base, size_t len)
{
    struct memory_source *source = container_of(base, struct memory_source, base);

    invariant(len <= source->rest.len);
    source->rest = span_from(source->rest, len);
}

static const struct body_source_ops memory_source_ops = {
    .peek = memory_peek,
    .consume = memory_consume,
};

void memory_source_init(struct memory_source *source, struct span content)
{
    *source = (struct memory_source){ { .ops = &memory_source_ops }, content };
}
