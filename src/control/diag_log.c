#include "control/diag_log.h"

#include "base/hash.h"
#include "base/log.h"
#include "base/scope.h"

void diag_log_deinit(struct diag_log *log)
{
    idmap_deinit(&log->known);
}

uint64_t diag_fingerprint(const struct diag *diag)
{
    const struct span texts[] = { diag->file, diag->kind,  diag->namespace,
                                  diag->name, diag->field, diag->message };
    uint64_t hash = hash_combine((uint64_t)diag->code, (uint64_t)diag->severity);

    /* Not the position: a line that is added above makes no news of what stands below. */
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        hash = hash_combine(hash, hash_bytes(texts[i], i));
    return hash;
}

static enum log_level diag_level(const struct diag *diag)
{
    switch (diag->severity) {
    case DIAG_ERROR:
        return LOG_ERROR;
    case DIAG_WARNING:
        return LOG_WARN;
    case DIAG_NOTE:
        return LOG_INFO;
    }
    unreachable();
}

static void diag_write(const struct diag *diag)
{
    SCOPED(buf_deinit) struct buf object = { 0 };
    SCOPED(buf_deinit) struct buf place = { 0 };

    if (diag->kind.len && diag->namespace.len)
        buf_printf(&object, SPAN_FMT " " SPAN_FMT "/" SPAN_FMT, SPAN_ARG(diag->kind),
                   SPAN_ARG(diag->namespace), SPAN_ARG(diag->name));
    else if (diag->kind.len)
        buf_printf(&object, SPAN_FMT " " SPAN_FMT, SPAN_ARG(diag->kind), SPAN_ARG(diag->name));
    buf_append(&place, diag->file);
    if (diag->pos.line)
        buf_printf(&place, ":%u:%u", diag->pos.line, diag->pos.column);

    log_at(diag_level(diag), "diagnostic", F_STR("code", diag_code_name(diag->code)),
           F_SPAN("object", buf_span(&object)), F_SPAN("field", diag->field),
           F_SPAN("at", buf_span(&place)), F_SPAN("message", diag->message),
           F_SPAN("mend", diag->mend));
}

size_t diag_log_update(struct diag_log *log, const struct diag_list *diags)
{
    static char present; /* what is stored is the key; the map wants some value */
    struct idmap now = { 0 };
    size_t lines = 0;

    vec_for_each (diag, &diags->diags) {
        uint64_t fingerprint = diag_fingerprint(diag);
        bool is_known = idmap_find(&log->known, fingerprint) || idmap_find(&now, fingerprint);
        idmap_put(&now, fingerprint, &present);
        if (is_known)
            continue;
        diag_write(diag);
        lines++;
    }
    idmap_deinit(&log->known);
    log->known = now;
    return lines;
}
