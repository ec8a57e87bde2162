/* kube/diag.h
 *
 * Purpose    What is wrong with a user's object, as data: which object, which field, where in which
 *            file, how bad, and how to mend it. One bad object never costs another.
 * Ownership  The list copies every text that it is given.
 * Lifetime   diag_list_init() … diag_list_deinit().
 * Limits     DIAGS_MAX entries; past it, `dropped` counts and `check` says so. */
#ifndef YETT_KUBE_DIAG_H
#define YETT_KUBE_DIAG_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

enum { DIAGS_MAX = 100000 };

enum diag_severity { DIAG_ERROR, DIAG_WARNING, DIAG_NOTE };

/* Codes are what users filter and search by: kebab-case, spelled in this table only. */
#define DIAG_CODE(id, name) id,
enum diag_code {
#include "kube/diag_codes.h"
    DIAG_CODES_LEN
};
#undef DIAG_CODE

struct kube_pos {
    uint32_t line, column; /* from 1; 0: not known */
};

struct diag {
    enum diag_severity severity;
    enum diag_code code;
    struct span file;
    struct kube_pos pos;
    struct span kind, namespace, name; /* the object; empty when the file itself is meant */
    struct span field;                 /* "spec.rules[0].http.paths[1].backend", or empty */
    struct span message;               /* what is wrong */
    struct span mend;                  /* what to do about it */
};

struct diag_list {
    struct arena arena;
    VEC(struct diag) diags;
    size_t errors, warnings, dropped;
};

void diag_list_init(struct diag_list *list);
void diag_list_deinit(struct diag_list *list);
/* Adds a copy of *diag, all its texts too. */
void diag_add(struct diag_list *list, const struct diag *diag);
/* Adds copies of all of `from`. */
void diag_list_append(struct diag_list *list, const struct diag_list *from);
/* By file, line, column, code, namespace and name; stable. */
void diag_list_sort(struct diag_list *list);

const char *diag_code_name(enum diag_code code);
const char *diag_severity_name(enum diag_severity severity);

/* "file:line:column: error: Ingress shop/web: spec.rules[0].host: what [code]\n    mend: how\n" */
void diag_format_text(const struct diag *diag, struct buf *out);
/* One JSON object, no newline. */
void diag_format_json(const struct diag *diag, struct buf *out);

#endif
