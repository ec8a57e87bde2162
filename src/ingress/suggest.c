#include "ingress/suggest.h"

/* Edit distance with swaps of neighbours (optimal string alignment), three rows of the table at a
 * time. A third of the wanted name may differ: what is further away confuses more than it helps. */

static size_t edit_distance(struct span a, struct span b)
{
    size_t rows[3][SUGGEST_BYTES_MAX + 1];

    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *row = rows[i % 3], *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t best = above[j - 1] + (a.ptr[i - 1] != b.ptr[j - 1]);
            best = MIN(best, above[j] + 1);
            best = MIN(best, row[j - 1] + 1);
            if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] && a.ptr[i - 2] == b.ptr[j - 1])
                best = MIN(best, above2[j - 2] + 1);
            row[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

struct ingress_suggestion ingress_suggestion_for(struct span wanted)
{
    return (struct ingress_suggestion){ wanted, SPAN_EMPTY, MAX((size_t)1, wanted.len / 3) + 1 };
}

void ingress_suggestion_offer(struct ingress_suggestion *suggestion, struct span candidate)
{
    struct span wanted = suggestion->wanted;
    size_t apart =
        wanted.len > candidate.len ? wanted.len - candidate.len : candidate.len - wanted.len;

    if (wanted.len > SUGGEST_BYTES_MAX || candidate.len > SUGGEST_BYTES_MAX ||
        apart > suggestion->distance)
        return;
    size_t distance = edit_distance(wanted, candidate);
    bool is_nearer = distance < suggestion->distance;
    /* The name decides between equals, so that the order of offers does not. */
    bool is_first = distance == suggestion->distance && suggestion->best.len > 0 &&
                    span_cmp(candidate, suggestion->best) < 0;
    if (is_nearer || is_first) {
        suggestion->best = candidate;
        suggestion->distance = distance;
    }
}
