#include "compress/encoder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <brotli/decode.h>
#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/scope.h"

enum { MEGABYTE = 1 << 20 };

static const struct kind {
    enum compress_coding coding;
    uint32_t level;
} kinds[] = {
    { COMPRESS_GZIP, 1 },   { COMPRESS_GZIP, 5 },    { COMPRESS_GZIP, 9 },
    { COMPRESS_BROTLI, 0 }, { COMPRESS_BROTLI, 1 },  { COMPRESS_BROTLI, 2 },
    { COMPRESS_BROTLI, 3 }, { COMPRESS_BROTLI, 4 },  { COMPRESS_BROTLI, 5 },
    { COMPRESS_BROTLI, 6 }, { COMPRESS_BROTLI, 7 },  { COMPRESS_BROTLI, 8 },
    { COMPRESS_BROTLI, 9 }, { COMPRESS_BROTLI, 10 }, { COMPRESS_BROTLI, 11 },
};

/* ---- content: what compresses well, what does not at all, and what does in parts ---- */

static uint32_t chance(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static void fill_zeros(char *at, size_t len)
{
    memset(at, 0, len);
}

static void fill_noise(char *at, size_t len)
{
    uint32_t seed = 1;
    for (size_t i = 0; i < len; i++)
        at[i] = (char)chance(&seed);
}

static void fill_words(char *at, size_t len)
{
    static const char words[] =
        "{\"name\": \"value\", \"list\": [1, 2, 3], \"text\": \"lorem ipsum dolor\"}\n";
    uint32_t seed = 2;
    for (size_t i = 0; i < len;) {
        size_t from = chance(&seed) % (sizeof(words) - 1), some = 1 + chance(&seed) % 24;
        for (; some > 0 && i < len; some--, i++, from = (from + 1) % (sizeof(words) - 1))
            at[i] = words[from];
    }
}

static const struct filling {
    const char *what;
    void (*fill)(char *at, size_t len);
} fillings[] = { { "zeros", fill_zeros }, { "noise", fill_noise }, { "words", fill_words } };

/* ---- a decoder that says what can be decoded of all bytes so far ---- */

static void decode_gzip(struct span coded, struct buf *plain, bool *ret_ended)
{
    z_stream stream = { .next_in = (z_const Bytef *)coded.ptr, .avail_in = (uInt)coded.len };
    char piece[4096];
    int r = inflateInit2(&stream, 31);

    while (r == Z_OK) {
        stream.next_out = (Bytef *)piece;
        stream.avail_out = sizeof(piece);
        r = inflate(&stream, Z_SYNC_FLUSH);
        buf_append(plain, span_of(piece, sizeof(piece) - stream.avail_out));
    }
    assert_true(r == Z_STREAM_END || r == Z_BUF_ERROR);
    *ret_ended = r == Z_STREAM_END;
    assert_true(r != Z_STREAM_END || stream.avail_in == 0);
    inflateEnd(&stream);
}

static void decode_brotli(struct span coded, struct buf *plain, bool *ret_ended)
{
    BrotliDecoderState *decoder = BrotliDecoderCreateInstance(NULL, NULL, NULL);
    const uint8_t *in = (const uint8_t *)coded.ptr;
    BrotliDecoderResult r;
    char piece[4096];

    do {
        uint8_t *out = (uint8_t *)piece;
        size_t room = sizeof(piece);
        r = BrotliDecoderDecompressStream(decoder, &coded.len, &in, &room, &out, NULL);
        buf_append(plain, span_of(piece, sizeof(piece) - room));
    } while (r == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT || BrotliDecoderHasMoreOutput(decoder));
    assert_true(r != BROTLI_DECODER_RESULT_ERROR);
    *ret_ended = r == BROTLI_DECODER_RESULT_SUCCESS;
    BrotliDecoderDestroyInstance(decoder);
}

static void assert_decodes(enum compress_coding coding, const struct buf *coded, struct span plain,
                           bool ended)
{
    SCOPED(buf_deinit) struct buf decoded = { 0 };
    bool has_ended;

    if (coding == COMPRESS_GZIP)
        decode_gzip(buf_span(coded), &decoded, &has_ended);
    else
        decode_brotli(buf_span(coded), &decoded, &has_ended);
    assert_int_equal(decoded.len, plain.len);
    assert_true(span_eq(buf_span(&decoded), plain));
    assert_int_equal(has_ended, ended);
}

/* ---- driving an encoder ---- */

static void encode_all(struct compress_encoder *encoder, enum compress_then then, struct span bytes,
                       size_t room, struct buf *coded)
{
    SCOPED(mem_freep) char *out = mem_alloc(room);
    size_t taken, made;
    int r;

    do {
        r = compress_encode(encoder, then, bytes, out, room, &taken, &made);
        assert_true(taken <= bytes.len && made <= room);
        assert_true(r == COMPRESS_FULL || taken == bytes.len);
        assert_true(r == COMPRESS_OK || made > 0);
        buf_append(coded, span_of(out, made));
        bytes = span_from(bytes, taken);
    } while (r == COMPRESS_FULL);
}

/* Any content, of a length that is said or not, in pieces of any size, through any room. */
static void test_decodes_to_what_it_was(void **state)
{
    (void)state;
    static const size_t lens[] = { 0, 1, 511, 513, 40000 };
    static const size_t pieces[] = { 1000, 16384, MEGABYTE },
                        rooms[] = { COMPRESS_ROOM_MIN, 16384 };
    static char content[40000];

    for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(lens) * ARRAY_LEN(fillings); i++) {
        const struct kind *kind = &kinds[i % ARRAY_LEN(kinds)];
        size_t len = lens[i / ARRAY_LEN(kinds) % ARRAY_LEN(lens)];
        const struct filling *filling = &fillings[i / ARRAY_LEN(kinds) / ARRAY_LEN(lens)];
        struct compress_budget budget = { 0, UINT64_MAX };
        SCOPED(buf_deinit) struct buf coded = { 0 };

        print_message("%d level %u, %zu %s\n", kind->coding, kind->level, len, filling->what);
        filling->fill(content, len);
        struct compress_encoder *encoder = compress_encoder_new(
            &budget, kind->coding, kind->level, i % 2 ? COMPRESS_LENGTH_UNKNOWN : len);
        size_t piece = pieces[i % ARRAY_LEN(pieces)], room = rooms[i % ARRAY_LEN(rooms)];
        for (size_t at = 0; at < len; at += piece)
            encode_all(encoder, COMPRESS_MORE, span_upto(span_of(content + at, len - at), piece),
                       room, &coded);
        encode_all(encoder, COMPRESS_END, SPAN_EMPTY, room, &coded);
        assert_decodes(kind->coding, &coded, span_of(content, len), true);
        compress_encoder_free(encoder);
        assert_int_equal(budget.used_bytes, 0);
    }
}

/* What was flushed is there, even where the output was just full. */
static void test_a_flush_keeps_nothing_back(void **state)
{
    (void)state;
    static char content[20000];

    fill_words(content, sizeof(content));
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        for (size_t room = COMPRESS_ROOM_MIN; room < COMPRESS_ROOM_MIN + 40;
             room += kinds[i].coding == COMPRESS_GZIP ? 1 : 19) {
            struct compress_budget budget = { 0, UINT64_MAX };
            SCOPED(buf_deinit) struct buf coded = { 0 };
            struct compress_encoder *encoder = compress_encoder_new(
                &budget, kinds[i].coding, kinds[i].level, COMPRESS_LENGTH_UNKNOWN);
            size_t at = 0;

            for (size_t step = 1; at + step < sizeof(content); at += step, step = step * 3 + 1) {
                encode_all(encoder, COMPRESS_FLUSH, span_of(content + at, step), room, &coded);
                assert_decodes(kinds[i].coding, &coded, span_of(content, at + step), false);
            }
            size_t before = coded.len;
            encode_all(encoder, COMPRESS_FLUSH, SPAN_EMPTY, room, &coded);
            assert_true(coded.len - before < 16); /* and a flush of nothing costs next to nothing */
            encode_all(encoder, COMPRESS_END, span_of(content + at, sizeof(content) - at), room,
                       &coded);
            assert_decodes(kinds[i].coding, &coded, span_of(content, sizeof(content)), true);
            compress_encoder_free(encoder);
        }
    }
}

/* The reservation is what limits the memory: no content and no way of feeding may break it. */
static void test_takes_no_more_than_it_costs(void **state)
{
    (void)state;
    SCOPED(mem_freep) char *content = mem_alloc(MEGABYTE);
    static const struct {
        size_t piece;
        enum compress_then then;
    } feeds[] = {
        { 16384, COMPRESS_MORE },
        { 16384, COMPRESS_FLUSH },
        { 4000, COMPRESS_FLUSH },
        { 131072, COMPRESS_MORE },
    };
    static const uint64_t lengths[] = { 3000, 40000, COMPRESS_LENGTH_UNKNOWN };

    for (size_t f = 0; f < ARRAY_LEN(fillings); f++) {
        fillings[f].fill(content, MEGABYTE);
        for (size_t i = 0; i < ARRAY_LEN(kinds) * ARRAY_LEN(feeds) * ARRAY_LEN(lengths); i++) {
            const struct kind *kind = &kinds[i % ARRAY_LEN(kinds)];
            size_t feed = i / ARRAY_LEN(kinds) % ARRAY_LEN(feeds);
            uint64_t length = lengths[i / ARRAY_LEN(kinds) / ARRAY_LEN(feeds)];
            size_t len = kind->coding == COMPRESS_BROTLI && kind->level > 9 ? 70000 : MEGABYTE / 2;
            uint64_t cost = compress_encoder_cost(kind->coding, kind->level, length);
            struct compress_budget budget = { 0, cost };
            SCOPED(buf_deinit) struct buf coded = { 0 };

            len = (size_t)MIN((uint64_t)len, length);
            struct compress_encoder *encoder =
                compress_encoder_new(&budget, kind->coding, kind->level, length);
            assert_non_null(encoder);
            assert_null(compress_encoder_new(&budget, kind->coding, kind->level, length));
            for (size_t at = 0; at < len; at += feeds[feed].piece) {
                coded.len = 0;
                encode_all(encoder, feeds[feed].then,
                           span_upto(span_of(content + at, len - at), feeds[feed].piece), 16384,
                           &coded);
            }
            encode_all(encoder, COMPRESS_END, SPAN_EMPTY, 16384, &coded);
            if (budget.used_bytes != cost)
                print_message("%d level %u, %s: %llu of %llu\n", kind->coding, kind->level,
                              fillings[f].what, (unsigned long long)budget.used_bytes,
                              (unsigned long long)cost);
            assert_int_equal(budget.used_bytes, cost);
            compress_encoder_free(encoder);
            assert_int_equal(budget.used_bytes, 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decodes_to_what_it_was),
        cmocka_unit_test(test_a_flush_keeps_nothing_back),
        cmocka_unit_test(test_takes_no_more_than_it_costs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
