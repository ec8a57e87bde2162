/* ingress/report.h
 *
 * Purpose    Say what is wrong with a user's object, in one call.
 * Ownership  Everything is copied into the diag_list.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_REPORT_H
#define YETT_INGRESS_REPORT_H

#include "kube/types.h"

/* Where in an object. `pos` unknown: the object's own is taken. */
struct place {
    const struct kube_object *object; /* NULL: a flag, not an object */
    struct span field;
    struct kube_pos pos;
};

/* `fmt` says what is wrong; `mend` what to do about it. */
void ingress_report(struct diag_list *diags, enum diag_severity severity, enum diag_code code,
                    struct place place, struct span mend, const char *fmt, ...) YETT_PRINTF(6, 7);

static inline struct place place_of(const struct kube_object *object, struct span field,
                                    struct kube_pos pos)
{
    return (struct place){ object, field, pos };
}

#endif
