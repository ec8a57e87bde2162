/* http/h1_scan_sse2.h
 *
 * Purpose    The searches of http/h1_scan.h, 16 bytes at a time. SSE2 is part of every x86-64.
 *
 * SSE2 has no unsigned "less or equal", but min(x, limit) == x says the same. What is left when
 * fewer than 16 bytes remain goes to the portable twin, so that nothing past the end is read. */
#ifndef YETT_HTTP_H1_SCAN_SSE2_H
#define YETT_HTTP_H1_SCAN_SSE2_H

#include <emmintrin.h>

#include "http/h1_scan_portable.h"

enum { H1_SCAN_STEP = 16 };

static inline __m128i h1_scan_load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static inline __m128i h1_scan_up_to(__m128i bytes, char limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}

static inline __m128i h1_scan_equal(__m128i bytes, char value)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(value));
}

/* Bytes from `first` on, `count` of them. */
static inline __m128i h1_scan_range(__m128i bytes, char first, char count)
{
    return h1_scan_up_to(_mm_sub_epi8(bytes, _mm_set1_epi8(first)), (char)(count - 1));
}

static inline const char *h1_scan_name_sse2(const char *at, const char *end)
{
    for (; end - at >= H1_SCAN_STEP; at += H1_SCAN_STEP) {
        __m128i bytes = h1_scan_load(at);
        __m128i letters = h1_scan_range(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
        __m128i others = _mm_or_si128(h1_scan_range(bytes, '0', 10), h1_scan_equal(bytes, '-'));
        unsigned names = (unsigned)_mm_movemask_epi8(_mm_or_si128(letters, others));
        if (names != 0xffff)
            return at + __builtin_ctz(~names);
    }
    return h1_scan_name_portable(at, end);
}

static inline const char *h1_scan_text_sse2(const char *at, const char *end)
{
    for (; end - at >= H1_SCAN_STEP; at += H1_SCAN_STEP) {
        __m128i bytes = h1_scan_load(at);
        __m128i controls = _mm_andnot_si128(h1_scan_equal(bytes, '\t'), h1_scan_up_to(bytes, 0x1f));
        int hits = _mm_movemask_epi8(_mm_or_si128(controls, h1_scan_equal(bytes, H1_DEL)));
        if (hits != 0)
            return at + __builtin_ctz((unsigned)hits);
    }
    return h1_scan_text_portable(at, end);
}

static inline const char *h1_scan_target_sse2(const char *at, const char *end)
{
    for (; end - at >= H1_SCAN_STEP; at += H1_SCAN_STEP) {
        __m128i bytes = h1_scan_load(at);
        __m128i bad = _mm_or_si128(h1_scan_up_to(bytes, ' '), h1_scan_equal(bytes, H1_DEL));
        int hits = _mm_movemask_epi8(bad);
        if (hits != 0)
            return at + __builtin_ctz((unsigned)hits);
    }
    return h1_scan_target_portable(at, end);
}

#endif
