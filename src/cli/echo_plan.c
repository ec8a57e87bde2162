#include "cli/echo_plan.h"

#include "base/num.h"

/* The path's words between slashes, without the query; those that are missing are empty. */
struct path_words {
    struct span first, second, third;
};

static struct path_words words_of(struct span target)
{
    struct path_words words = { SPAN_EMPTY, SPAN_EMPTY, SPAN_EMPTY };
    size_t query = span_find(target, '?');
    struct span path = query == SPAN_NOT_FOUND ? target : span_upto(target, query);
    struct span none;

    (void)span_split(&path, '/', &none); /* what stands before the first slash */
    (void)span_split(&path, '/', &words.first);
    (void)span_split(&path, '/', &words.second);
    (void)span_split(&path, '/', &words.third);
    return words;
}

static const struct {
    struct span word;
    enum echo_kind kind;
    uint64_t max; /* of the number that follows; 0: none does */
} path_kinds[] = {
    { SPAN("bytes"), ECHO_BYTES, ECHO_BYTES_MAX },
    { SPAN("chunked"), ECHO_CHUNKED, ECHO_CHUNKS_MAX },
    { SPAN("drip"), ECHO_DRIP, ECHO_CHUNKS_MAX },
    { SPAN("cut"), ECHO_CUT, ECHO_BYTES_MAX },
    { SPAN("close"), ECHO_CLOSE, 0 },
    { SPAN("hints"), ECHO_HINTS, 0 },
};

static void plan_by_path(struct span target, struct echo_plan *plan)
{
    struct path_words words = words_of(target);
    uint32_t status;

    if (span_eq(words.first, SPAN("status"))) {
        if (num_parse_u32(words.second, 599, &status) && status >= 200)
            plan->status = (uint16_t)status;
        return;
    }
    if (span_eq(words.first, SPAN("delay"))) {
        (void)!num_parse_u32(words.second, ECHO_DELAY_MS_MAX, &plan->delay_ms);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(path_kinds); i++) {
        if (!span_eq(words.first, path_kinds[i].word))
            continue;
        if (path_kinds[i].max > 0 && !num_parse_u64(words.second, path_kinds[i].max, &plan->amount))
            return;
        plan->kind = path_kinds[i].kind;
        if (plan->kind == ECHO_DRIP &&
            !num_parse_u32(words.third, ECHO_DELAY_MS_MAX, &plan->delay_ms))
            plan->delay_ms = ECHO_DRIP_MS;
    }
}

struct echo_plan echo_plan_for(const struct http_head *head)
{
    struct echo_plan plan = { .kind = ECHO_REPORT, .status = 200 };

    if (head->upgrades && http_list_has(head->upgrade, SPAN("echo"))) {
        plan.kind = ECHO_TUNNEL;
        plan.status = 101;
        return plan;
    }
    plan_by_path(head->target, &plan);
    return plan;
}
