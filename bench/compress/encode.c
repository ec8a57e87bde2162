/* What coding an answer costs: the size that is left of it, CPU time per megabyte, and the longest call, in which a
 * worker does nothing else. The content is the files that are named, one behind the other, in the steps of a worker.
 *
 *     build/test/unit/compress/bench_encode FILE... */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/bug.h"
#include "base/scope.h"
#include "compress/encoder.h"
#include "proxy/limits.h"

enum { CPU_MS_MIN = 200 }; /* fast ones run again and again */

static const struct kind {
    enum compress_coding coding;
    uint32_t level;
} kinds[] = {
    { COMPRESS_GZIP, 1 },    { COMPRESS_GZIP, 5 },    { COMPRESS_GZIP, 9 },
    { COMPRESS_BROTLI, 1 },  { COMPRESS_BROTLI, 4 },  { COMPRESS_BROTLI, 9 },
    { COMPRESS_BROTLI, 10 }, { COMPRESS_BROTLI, 11 },
};

struct cost {
    double cpu_ms, longest_ms;
    size_t made;
};

static double cpu_ms(void)
{
    struct timespec now;

    invariant(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void encode(struct compress_encoder *encoder, enum compress_then then, struct span bytes,
                   struct cost *cost)
{
    static char out[PROXY_BUFFER_BYTES];
    size_t taken, made;
    int r;

    do {
        double start_ms = cpu_ms();
        r = compress_encode(encoder, then, bytes, out, sizeof(out), &taken, &made);
        double took_ms = cpu_ms() - start_ms;

        cost->cpu_ms += took_ms;
        cost->longest_ms = MAX(cost->longest_ms, took_ms);
        cost->made += made;
        bytes = span_from(bytes, taken);
    } while (r == COMPRESS_FULL);
}

static void encode_all(const struct kind *kind, struct span content, struct cost *cost)
{
    struct compress_budget budget = { 0, UINT64_MAX };
    struct compress_encoder *encoder =
        compress_encoder_new(&budget, kind->coding, kind->level, COMPRESS_LENGTH_UNKNOWN);

    for (size_t at = 0; at < content.len; at += PROXY_COMPRESS_STEP_BYTES)
        encode(encoder, COMPRESS_MORE, span_upto(span_from(content, at), PROXY_COMPRESS_STEP_BYTES),
               cost);
    encode(encoder, COMPRESS_END, SPAN_EMPTY, cost);
    compress_encoder_free(encoder);
}

static void measure(const struct kind *kind, struct span content)
{
    struct span name = compress_coding_name(kind->coding);
    struct cost cost = { 0 };
    size_t bytes = 0;

    for (; cost.cpu_ms < CPU_MS_MIN; bytes += content.len)
        encode_all(kind, content, &cost);
    printf("%-5.*s %2u %6.1f %% %8.1f ms per MB, longest call %6.1f ms\n", (int)name.len, name.ptr,
           kind->level, 100.0 * (double)cost.made / (double)bytes,
           cost.cpu_ms * 1e6 / (double)bytes, cost.longest_ms);
}

static bool file_append(const char *path, struct buf *content)
{
    FILE *file = fopen(path, "re");
    size_t len;

    if (!file)
        return false;
    while ((len = fread(buf_reserve(content, 65536), 1, 65536, file)) > 0)
        content->len += len;
    fclose(file);
    return true;
}

int main(int argc, char **argv)
{
    SCOPED(buf_deinit) struct buf content = { 0 };

    for (int i = 1; i < argc; i++) {
        if (!file_append(argv[i], &content)) {
            perror(argv[i]);
            return 1;
        }
    }
    if (content.len == 0) {
        fprintf(stderr, "usage: bench_encode FILE...\n");
        return 2;
    }
    printf("%zu bytes\n", content.len);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        measure(&kinds[i], buf_span(&content));
    return 0;
}
