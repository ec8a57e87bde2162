#include "kube/field.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/scope.h"
#include "kube/mend.h"
#include "kube/scalar.h"

struct kube_field kube_field_root(struct kube_reader *reader, const struct kube_node *node)
{
    return (struct kube_field){ .reader = reader, .node = node, .pos = node->pos };
}

static struct kube_field child_make(const struct kube_field *parent, const struct kube_node *node)
{
    return (struct kube_field){
        .reader = parent->reader,
        .parent = parent,
        .node = node && node->kind != KUBE_NODE_NULL ? node : NULL,
        .pos = node ? node->pos : parent->pos,
    };
}

struct kube_field kube_field_get(const struct kube_field *map, const char *name)
{
    struct span key = span_from_str(name);
    struct kube_field field = child_make(map, map->node ? kube_node_find(map->node, key) : NULL);

    field.name = key;
    return field;
}

struct kube_field kube_field_item(const struct kube_field *list, size_t index)
{
    struct kube_field field = child_make(list, list->node->items[index]);

    field.index = index;
    return field;
}

struct kube_field kube_field_entry(const struct kube_field *map, const struct kube_entry *entry)
{
    struct kube_field field = child_make(map, entry->value);

    field.name = entry->key->text;
    return field;
}

/* --- reports --- */

/* "spec.rules[0].host"; keys that hold dots or slashes as "metadata.annotations[a.b/c]". */
static void path_append(struct buf *out, const struct kube_field *field)
{
    if (!field->parent)
        return;
    path_append(out, field->parent);
    if (!field->name.ptr) {
        buf_printf(out, "[%zu]", field->index);
    } else if (span_find(field->name, '.') != SPAN_NOT_FOUND ||
               span_find(field->name, '/') != SPAN_NOT_FOUND) {
        buf_append_byte(out, '[');
        buf_append(out, field->name);
        buf_append_byte(out, ']');
    } else {
        if (out->len)
            buf_append_byte(out, '.');
        buf_append(out, field->name);
    }
}

static void buf_deinitp(struct buf *buf)
{
    buf_deinit(buf);
}

void kube_field_report(const struct kube_field *field, enum diag_severity severity,
                       enum diag_code code, struct span message, struct span mend)
{
    SCOPED(buf_deinitp) struct buf path = { 0 };
    const struct kube_reader *reader = field->reader;
    struct diag diag = {
        .severity = severity,
        .code = code,
        .file = reader->object->file,
        .pos = field->pos,
        .kind = reader->kind_name,
        .namespace = reader->object->namespace,
        .name = reader->object->name,
        .message = message,
        .mend = mend,
    };

    path_append(&path, field);
    diag.field = buf_span(&path);
    diag_add(&reader->bundle->diags, &diag);
}

static void report_type(const struct kube_field *field, const char *wanted, struct span mend)
{
    kube_field_report(field, DIAG_ERROR, DIAG_WRONG_TYPE,
                      kube_field_printf(field, "is %s, and must be %s",
                                        kube_node_kind_name(field->node->kind), wanted),
                      mend);
}

bool kube_field_expect(const struct kube_field *field, enum kube_node_kind kind, const char *mend)
{
    if (!field->node)
        return false;
    if (field->node->kind == kind)
        return true;
    report_type(field, kube_node_kind_name(kind), span_from_str(mend));
    return false;
}

bool kube_field_require(const struct kube_field *field, enum kube_node_kind kind, const char *mend)
{
    if (!field->node)
        kube_field_report(field, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
                          span_from_str(mend));
    return kube_field_expect(field, kind, mend);
}

/* --- values --- */

enum { SHOWN_BYTES_MAX = 80 };

/* What of a value is quoted in a report. */
static struct span shown(struct span text)
{
    return span_upto(text, SHOWN_BYTES_MAX);
}

static bool is_scalar(const struct kube_node *node)
{
    return node->height == 0;
}

static struct kube_text text_keep(const struct kube_field *field, const struct kube_node *node)
{
    return (struct kube_text){ arena_dup(field->reader->keep, node->text), node->pos };
}

bool kube_field_text(const struct kube_field *field, struct kube_text *ret_text)
{
    if (!field->node)
        return true;
    if (field->node->kind != KUBE_NODE_STRING) {
        report_type(field, "a string",
                    is_scalar(field->node) ? kube_field_printf(field, "quote it: \"" SPAN_FMT "\"",
                                                               SPAN_ARG(shown(field->node->text)))
                                           : SPAN("write one text here"));
        return false;
    }
    *ret_text = text_keep(field, field->node);
    return true;
}

bool kube_field_bool(const struct kube_field *field, bool *ret_value)
{
    if (!field->node)
        return true;
    if (!kube_field_expect(field, KUBE_NODE_BOOL, "write true or false, without quotes"))
        return false;
    *ret_value = field->node->truth;
    return true;
}

static struct span port_mend(const struct kube_field *field)
{
    uint16_t port;

    if (field->node->kind == KUBE_NODE_STRING && num_parse_port(field->node->text, &port))
        return kube_field_printf(field, "remove the quotes: %u", port);
    return SPAN("write a number from 1 to 65535");
}

bool kube_field_port(const struct kube_field *field, uint16_t *ret_port)
{
    int64_t port;

    if (!field->node)
        return true;
    if (field->node->kind != KUBE_NODE_NUMBER) {
        report_type(field, "a number", port_mend(field));
        return false;
    }
    if (!kube_scalar_int(field->node->text, &port) || port < 1 || port > UINT16_MAX) {
        kube_field_report(
            field, DIAG_ERROR, DIAG_INVALID_VALUE,
            kube_field_printf(field, SPAN_FMT " is not a port", SPAN_ARG(shown(field->node->text))),
            SPAN("write a whole number from 1 to 65535"));
        return false;
    }
    *ret_port = (uint16_t)port;
    return true;
}

bool kube_field_word(const struct kube_field *field, const char *const *words, size_t *ret_index)
{
    struct kube_text text = { 0 };

    if (!kube_field_text(field, &text))
        return false;
    if (!kube_text_is_set(&text))
        return true;
    for (size_t i = 0; words[i]; i++) {
        if (span_eq(text.text, span_from_str(words[i]))) {
            *ret_index = i;
            return true;
        }
    }

    SCOPED(buf_deinitp) struct buf list = { 0 };
    for (size_t i = 0; words[i]; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    const char *meant = kube_mend_word(text.text, words);
    kube_field_report(field, DIAG_ERROR, DIAG_INVALID_VALUE,
                      kube_field_printf(field, "\"" SPAN_FMT "\" is not one of " SPAN_FMT,
                                        SPAN_ARG(shown(text.text)), SPAN_ARG(buf_span(&list))),
                      meant ? kube_field_printf(field, "write %s", meant)
                            : SPAN("write one of these, exactly so"));
    return false;
}

/* --- maps of strings --- */

/* The API server would refuse these; what the author wrote is plain enough to go on with. The value
 * itself is not quoted: it may be a Secret's. */
static void report_not_text(const struct kube_field *entry, const struct kube_node *value)
{
    if (value->kind == KUBE_NODE_NULL) {
        kube_field_report(entry, DIAG_WARNING, DIAG_WRONG_TYPE,
                          SPAN("has no value, which reads as an empty string"),
                          SPAN("write \"\" or remove the line"));
        return;
    }
    kube_field_report(
        entry, DIAG_WARNING, DIAG_WRONG_TYPE,
        kube_field_printf(entry, "is %s, and must be a string", kube_node_kind_name(value->kind)),
        SPAN("put it in quotes"));
}

struct kube_pairs kube_field_pairs(const struct kube_field *field)
{
    struct kube_pairs pairs = { 0 };

    if (!kube_field_expect(field, KUBE_NODE_MAP, "write one \"key: value\" a line below it"))
        return pairs;
    struct kube_pair *items =
        arena_new_array(field->reader->keep, struct kube_pair, field->node->len);
    for (size_t i = 0; i < field->node->len; i++) {
        const struct kube_node *key = field->node->entries[i].key;
        const struct kube_node *value = field->node->entries[i].value;
        struct kube_field entry = kube_field_entry(field, &field->node->entries[i]);

        if (!is_scalar(value)) {
            report_type(&entry, "a string",
                        SPAN("write one text here, in a block (|) if it is long"));
            continue;
        }
        if (value->kind != KUBE_NODE_STRING)
            report_not_text(&entry, value);
        items[pairs.len] = (struct kube_pair){ text_keep(field, key), text_keep(field, value) };
        if (value->kind == KUBE_NODE_NULL)
            items[pairs.len].value.text = SPAN_EMPTY;
        pairs.len++;
    }
    pairs.items = items;
    return pairs;
}

struct kube_pairs kube_field_pairs_briefly(const struct kube_field *field)
{
    struct kube_reader *reader = field->reader;
    struct arena *keep = reader->keep;

    reader->keep = reader->scratch;
    struct kube_pairs pairs = kube_field_pairs(field);
    reader->keep = keep;
    return pairs;
}

/* --- keys --- */

static bool is_known(struct span key, const char *const *known)
{
    for (; *known; known++) {
        if (span_eq(key, span_from_str(*known)))
            return true;
    }
    return false;
}

static const struct kube_misfit *misfit_find(struct span key, const struct kube_misfit *misfits)
{
    for (; misfits && misfits->name; misfits++) {
        if (span_eq(key, span_from_str(misfits->name)))
            return misfits;
    }
    return NULL;
}

static void report_unknown(const struct kube_field *field, const char *const *known,
                           const struct kube_misfit *misfits)
{
    const struct kube_misfit *misfit = misfit_find(field->name, misfits);
    const char *meant = kube_mend_word(field->name, known);
    struct span mend = SPAN("remove it");

    if (misfit)
        mend = span_from_str(misfit->mend);
    else if (meant)
        mend = kube_field_printf(field, "did you mean \"%s\"?", meant);
    kube_field_report(field, misfit ? misfit->severity : DIAG_WARNING, DIAG_UNKNOWN_FIELD,
                      SPAN("is no field that Kubernetes has here, and has no effect"), mend);
}

void kube_field_check_known(const struct kube_field *map, const char *const *known,
                            const struct kube_misfit *misfits)
{
    if (!map->node || map->node->kind != KUBE_NODE_MAP)
        return;
    /* What the API server hands out it has judged, and it may be newer than we are. */
    if (span_is_empty(map->reader->object->file))
        return;
    for (size_t i = 0; i < map->node->len; i++) {
        const struct kube_entry *entry = &map->node->entries[i];
        if (is_known(entry->key->text, known))
            continue;
        struct kube_field field = kube_field_entry(map, entry);
        field.pos = entry->key->pos;
        report_unknown(&field, known, misfits);
    }
}

/* The last one wins, as kubectl's YAML reader had it before it became strict. A line that was only
 * pasted twice is a warning; two lines that differ mean that one of them is lost. */
static void report_duplicate(const struct kube_field *map, struct kube_entry *entry)
{
    bool is_same = kube_node_eq(entry->value, entry->shadowed->value);
    struct kube_field field = kube_field_entry(map, entry);

    field.pos = entry->key->pos;
    kube_field_report(
        &field, is_same ? DIAG_WARNING : DIAG_ERROR, DIAG_DUPLICATE_KEY,
        kube_field_printf(&field, "is written before, at line %u column %u; %s",
                          entry->shadowed->key->pos.line, entry->shadowed->key->pos.column,
                          is_same ? "both say the same" : "this one, the last, counts"),
        SPAN("keep one of them"));
}

void kube_field_check_duplicates(const struct kube_field *field)
{
    const struct kube_node *node = field->node;

    if (!node)
        return;
    for (size_t i = 0; node->kind == KUBE_NODE_LIST && i < node->len; i++) {
        struct kube_field item = kube_field_item(field, i);
        kube_field_check_duplicates(&item);
    }
    for (size_t i = 0; node->kind == KUBE_NODE_MAP && i < node->len; i++) {
        for (struct kube_entry *entry = &node->entries[i]; entry->shadowed && !entry->is_reported;
             entry = entry->shadowed) {
            report_duplicate(field, entry);
            entry->is_reported = true;
        }
        struct kube_field child = kube_field_entry(field, &node->entries[i]);
        kube_field_check_duplicates(&child);
    }
}
