#include "cli/words.h"

/* Optimal string alignment distance: Levenshtein's plus swapped neighbours, by rows. */
unsigned words_distance(struct span a, struct span b)
{
    if (a.len > WORDS_LEN_MAX || b.len > WORDS_LEN_MAX)
        return WORDS_FAR;

    unsigned rows[3][WORDS_LEN_MAX + 1];
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = (unsigned)j;

    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3];
        const unsigned *above = rows[(i + 2) % 3];
        const unsigned *two_above = rows[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            unsigned replace = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            unsigned shift = MIN(above[j] + 1, now[j - 1] + 1);
            unsigned nearest = MIN(shift, replace);

            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                nearest = MIN(nearest, two_above[j - 2] + 1);
            now[j] = nearest;
        }
    }
    return rows[a.len % 3][b.len];
}

bool words_are_near(struct span typed, struct span known)
{
    return words_distance(typed, known) <= 1 + MIN(typed.len, known.len) / 4;
}

void words_pad(struct buf *out, size_t n)
{
    memset(buf_reserve(out, n), ' ', n);
    out->len += n;
}

void words_wrap(struct buf *out, struct span text, size_t at, size_t indent, size_t width)
{
    struct span word;
    bool is_first = true;

    while (span_split(&text, ' ', &word)) {
        if (!is_first && at + 1 + word.len > width) {
            buf_append_byte(out, '\n');
            words_pad(out, indent);
            at = indent;
        } else if (!is_first) {
            buf_append_byte(out, ' ');
            at++;
        }
        buf_append(out, word);
        at += word.len;
        is_first = false;
    }
}
