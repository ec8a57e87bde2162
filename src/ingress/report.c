#include "ingress/report.h"

#include "base/scope.h"

void ingress_report(struct diag_list *diags, enum diag_severity severity, enum diag_code code,
                    struct place place, struct span mend, const char *fmt, ...)
{
    SCOPED(buf_deinit) struct buf message = { 0 };
    struct diag diag = { .severity = severity, .code = code, .field = place.field, .mend = mend };
    va_list args;

    va_start(args, fmt);
    buf_vprintf(&message, fmt, args);
    va_end(args);
    diag.message = buf_span(&message);
    diag.pos = place.pos;
    if (place.object) {
        diag.file = place.object->file;
        diag.kind = span_from_str(kube_kind_name(place.object->kind));
        diag.namespace = place.object->namespace;
        diag.name = place.object->name;
        if (!diag.pos.line)
            diag.pos = place.object->pos;
    }
    diag_add(diags, &diag);
}
