#include "kube/diag.h"

#include <stdlib.h>

#include "base/bug.h"

enum { DIAG_BLOCK_BYTES = 4096 };

#define DIAG_CODE(id, name) [id] = name,
static const char *const code_names[] = {
#include "kube/diag_codes.h"
};
#undef DIAG_CODE

const char *diag_code_name(enum diag_code code)
{
    invariant((size_t)code < ARRAY_LEN(code_names));
    return code_names[code];
}

const char *diag_severity_name(enum diag_severity severity)
{
    switch (severity) {
    case DIAG_ERROR:
        return "error";
    case DIAG_WARNING:
        return "warning";
    case DIAG_NOTE:
        return "note";
    }
    unreachable();
}

void diag_list_init(struct diag_list *list)
{
    *list = (struct diag_list){ 0 };
    arena_init(&list->arena, DIAG_BLOCK_BYTES);
}

void diag_list_deinit(struct diag_list *list)
{
    vec_deinit(&list->diags);
    arena_deinit(&list->arena);
    list->errors = list->warnings = list->dropped = 0;
}

static struct span text_copy(struct diag_list *list, struct span text)
{
    return text.len ? arena_dup(&list->arena, text) : SPAN_EMPTY;
}

/* Diagnostics of one file come in a row: they share one copy of its name. */
static struct span file_copy(struct diag_list *list, struct span file)
{
    if (list->diags.len && span_eq(vec_last(&list->diags)->file, file))
        return vec_last(&list->diags)->file;
    return text_copy(list, file);
}

void diag_add(struct diag_list *list, const struct diag *diag)
{
    /* What is not kept counts all the same: an exit code must not depend on the cap. */
    list->errors += diag->severity == DIAG_ERROR;
    list->warnings += diag->severity == DIAG_WARNING;
    if (list->diags.len >= DIAGS_MAX) {
        list->dropped++;
        return;
    }

    struct diag copy = *diag;
    copy.file = file_copy(list, diag->file);
    copy.kind = text_copy(list, diag->kind);
    copy.namespace = text_copy(list, diag->namespace);
    copy.name = text_copy(list, diag->name);
    copy.field = text_copy(list, diag->field);
    copy.message = text_copy(list, diag->message);
    copy.mend = text_copy(list, diag->mend);
    vec_push(&list->diags, copy);
}

void diag_list_append(struct diag_list *list, const struct diag_list *from)
{
    vec_for_each (diag, &from->diags)
        diag_add(list, diag);
    list->dropped += from->dropped;
    /* diag_add() counted those that `from` still holds; these are the rest. */
    size_t kept_errors = 0, kept_warnings = 0;
    vec_for_each (diag, &from->diags) {
        kept_errors += diag->severity == DIAG_ERROR;
        kept_warnings += diag->severity == DIAG_WARNING;
    }
    list->errors += from->errors - kept_errors;
    list->warnings += from->warnings - kept_warnings;
}

/* qsort() is not stable; the rank as the last key makes it so. */
struct ranked {
    struct diag diag;
    size_t rank;
};

static int number_cmp(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

static int place_cmp(const struct diag *a, const struct diag *b)
{
    int r = span_cmp(a->file, b->file);

    if (r != 0)
        return r;
    if (a->pos.line != b->pos.line)
        return number_cmp(a->pos.line, b->pos.line);
    return number_cmp(a->pos.column, b->pos.column);
}

/* What comes from the API has no places. */
static int object_cmp(const struct diag *a, const struct diag *b)
{
    int r = span_cmp(a->namespace, b->namespace);

    return r != 0 ? r : span_cmp(a->name, b->name);
}

static int ranked_cmp(const void *va, const void *vb)
{
    const struct ranked *a = va, *b = vb;
    int r = place_cmp(&a->diag, &b->diag);

    if (r != 0)
        return r;
    if (a->diag.code != b->diag.code)
        return number_cmp(a->diag.code, b->diag.code);
    r = object_cmp(&a->diag, &b->diag);
    if (r != 0)
        return r;
    return number_cmp(a->rank, b->rank);
}

void diag_list_sort(struct diag_list *list)
{
    size_t len = list->diags.len;

    if (len < 2)
        return;
    struct ranked *ranked = mem_alloc(len * sizeof(ranked[0]));
    for (size_t i = 0; i < len; i++)
        ranked[i] = (struct ranked){ list->diags.items[i], i };
    qsort(ranked, len, sizeof(ranked[0]), ranked_cmp);
    for (size_t i = 0; i < len; i++)
        list->diags.items[i] = ranked[i].diag;
    mem_free(ranked);
}
