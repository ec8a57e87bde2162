#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/bug.h"
#include "base/mem.h"

/* Not compiled to machine code: workers may not make any. Bytes, not UTF-8: a subject that is none must
 * not stop a match. */

enum { NESTING_MAX = 64 };

struct pattern {
    pcre2_code *code;
};

/* NULL: it is none. */
static pcre2_code *compile(struct span expression)
{
    pcre2_compile_context *context = pcre2_compile_context_create(NULL);
    size_t at;
    int error;

    invariant(context != NULL);
    pcre2_set_parens_nest_limit(context, NESTING_MAX);
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)(expression.ptr ? expression.ptr : ""), expression.len,
                      PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error, &at, context);
    pcre2_compile_context_free(context);
    return code;
}

int pattern_new(struct span expression, struct pattern **ret_pattern)
{
    pcre2_code *code = expression.len <= PATTERN_BYTES_MAX ? compile(expression) : NULL;

    if (!code)
        return PATTERN_BAD;
    *ret_pattern = mem_alloc(sizeof(**ret_pattern));
    (*ret_pattern)->code = code;
    return PATTERN_OK;
}

struct pattern *pattern_free(struct pattern *pattern)
{
    if (pattern)
        pcre2_code_free(pattern->code);
    return mem_free(pattern);
}

/* Made once; live as long as the process. All matches share them: what one used, the next one uses. */
static pcre2_match_context *limits(void)
{
    static pcre2_match_context *context;

    if (context)
        return context;
    context = pcre2_match_context_create(NULL);
    invariant(context != NULL);
    pcre2_set_match_limit(context, PATTERN_STEPS_MAX);
    pcre2_set_heap_limit(context, PATTERN_HEAP_KIB_MAX);
    return context;
}

static pcre2_match_data *scratch(void)
{
    static pcre2_match_data *data;

    if (!data)
        data = pcre2_match_data_create(1, NULL);
    invariant(data != NULL);
    return data;
}

int pattern_match(const struct pattern *pattern, struct span subject)
{
    int r = pcre2_match(pattern->code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""), subject.len, 0,
                        0, scratch(), limits());

    if (r >= 0) /* 0: more groups than there is room for, which nobody asks about */
        return PATTERN_OK;
    return r == PCRE2_ERROR_NOMATCH ? PATTERN_MISS : PATTERN_LIMIT;
}
