#include "proxy/exchange/patterns.h"

#include "base/mem.h"
#include "base/vec.h"

struct kept_pattern {
    struct span text;
    struct pattern *pattern; /* NULL: it is none */
    bool is_used;            /* since the last sweep */
};

static void entry_free(struct kept_pattern *entry)
{
    pattern_free(entry->pattern);
    mem_free((char *)entry->text.ptr);
    mem_free(entry);
}

void patterns_deinit(struct patterns *patterns)
{
    struct kept_pattern *entry;
    size_t cursor = 0;

    while ((entry = map_next(&patterns->by_text, &cursor)))
        entry_free(entry);
    map_deinit(&patterns->by_text);
}

static struct kept_pattern *entry_get(struct patterns *patterns, struct span text)
{
    struct kept_pattern *entry = map_find(&patterns->by_text, text);

    if (entry)
        return entry;
    entry = mem_alloc_zero(sizeof(*entry));
    entry->text = span_of(mem_dup(text.ptr, text.len), text.len);
    (void)!pattern_new(text, &entry->pattern);
    map_put(&patterns->by_text, entry->text, entry);
    return entry;
}

int patterns_match(struct patterns *patterns, struct span expression, struct span subject)
{
    struct kept_pattern *entry = entry_get(patterns, expression);

    entry->is_used = true;
    return entry->pattern ? pattern_match(entry->pattern, subject) : PATTERN_BAD;
}

void patterns_sweep(struct patterns *patterns)
{
    struct kept_pattern *entry;
    VEC(struct kept_pattern *) gone = { 0 };
    size_t cursor = 0;

    while ((entry = map_next(&patterns->by_text, &cursor))) {
        if (!entry->is_used)
            vec_push(&gone, entry);
        entry->is_used = false;
    }
    vec_for_each (it, &gone) {
        map_remove(&patterns->by_text, (*it)->text);
        entry_free(*it);
    }
    vec_deinit(&gone);
}
