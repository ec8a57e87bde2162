#include "kube/mend.h"

#include "base/compiler.h"

struct advice {
    const char *problem; /* part of what the parser says */
    const char *mend;
};

static struct span advice_find(const struct advice *advice, size_t len, struct span problem,
                               struct span fallback)
{
    for (size_t i = 0; i < len; i++) {
        if (span_contains(problem, span_from_str(advice[i].problem)))
            return span_from_str(advice[i].mend);
    }
    return fallback;
}

static struct span line_at_get(struct span text, size_t line_at)
{
    struct span line = SPAN_EMPTY;

    for (size_t i = 0; i <= line_at; i++) {
        if (!span_split(&text, '\n', &line))
            return SPAN_EMPTY;
    }
    return line;
}

static bool is_tab_indented(struct span line)
{
    for (size_t i = 0; i < line.len && (line.ptr[i] == ' ' || line.ptr[i] == '\t'); i++) {
        if (line.ptr[i] == '\t')
            return true;
    }
    return false;
}

static const struct advice yaml_advice[] = {
    { "mapping values are not allowed",
      "quote the value if it holds \": \"; else indent this key as deep as its neighbours" },
    { "cannot start any token",
      "quote the value: it begins with a character that means something else in YAML" },
    { "did not find expected alphabetic or numeric character",
      "quote the value: an unquoted * or & at its start makes it an alias or an anchor" },
    { "did not find expected <document start>",
      "indent this line like the rest of its document, or put a line --- before it" },
    { "could not find expected ':'",
      "write \"key: value\": a colon and a space are missing on this line or the one above" },
    { "did not find expected '-' indicator",
      "begin this list item with \"- \", or indent the line like the item that it belongs to" },
    { "did not find expected key",
      "indent this line exactly like the keys beside it, and close quotes and brackets above" },
    { "did not find expected comment or line break",
      "put the text of a block (| or >) on the lines below, or quote the value" },
    { "unexpected end of stream", "close the quote or bracket that is open here" },
    { "unexpected document indicator", "close the quote or bracket that is open here" },
    { "expected ',' or", "close the bracket, or separate the values by commas" },
    { "control characters", "remove the control character" },
    { "UTF-8", "save the file as UTF-8" },
    { "stands as a key", "write a word as the key, and quote a value that begins with { or [" },
    { "unknown escape", "double the backslash, or use single quotes" },
};

struct span kube_mend_yaml(struct span problem, struct span piece, size_t line_at)
{
    struct span line = line_at_get(piece, line_at);

    if (span_contains(piece, SPAN("{{")) || span_contains(piece, SPAN("{%")))
        return SPAN("this is a template, not a manifest: render it first (helm template ...)");
    if (is_tab_indented(line))
        return SPAN("indent by spaces: YAML does not allow tabs there");
    return advice_find(yaml_advice, ARRAY_LEN(yaml_advice), problem,
                       SPAN("check the indentation and quotes of this line and the one above"));
}

/* Longer words are not mistypings of field names. */
enum { WORD_BYTES_MAX = 40 };

/* Edits (one letter added, lost or replaced) from `a` to `b`, case aside. */
static unsigned edit_distance(struct span a, struct span b)
{
    unsigned row[WORD_BYTES_MAX + 1];

    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 0; i < a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = i + 1;
        for (unsigned j = 0; j < b.len; j++) {
            unsigned replaced = diagonal + (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[j]));
            unsigned added_or_lost = MIN(row[j], row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = MIN(replaced, added_or_lost);
        }
    }
    return row[b.len];
}

const char *kube_mend_word(struct span word, const char *const *known)
{
    const char *best = NULL;
    unsigned best_distance = 1 + (unsigned)MIN(word.len / 3, (size_t)2); /* must be fewer */

    if (word.len > WORD_BYTES_MAX)
        return NULL;
    for (; *known; known++) {
        struct span candidate = span_from_str(*known);
        if (candidate.len > WORD_BYTES_MAX)
            continue;
        unsigned distance = edit_distance(word, candidate);
        if (distance < best_distance) {
            best_distance = distance;
            best = *known;
        }
    }
    return best;
}
