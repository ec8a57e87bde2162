/* kube/field.h
 *
 * Purpose    The typed decoder's reading glass: a node, and the way to it from its object's root,
 * so that whatever is wrong is reported with its field path and place. Ownership  A field borrows
 * its parent, its reader and its node; keep them while it is used. Texts that are read out are
 * copied into the bundle. Errors     Readers return false where a value is there but is not usable:
 * it has been reported then. A value that is absent (or null, which is the same to Kubernetes) is
 * no error to them. */
#ifndef YETT_KUBE_FIELD_H
#define YETT_KUBE_FIELD_H

#include "kube/decode.h"
#include "kube/node.h"

/* One object on its way from tree to struct. */
struct kube_reader {
    struct kube_bundle *bundle;
    struct arena *keep;         /* where texts that are read go: the bundle's, as a rule */
    struct arena *scratch;      /* texts of diagnostics, until they are added */
    struct kube_object *object; /* being filled */
    struct span kind_name;
};

struct kube_field {
    struct kube_reader *reader;
    const struct kube_field *parent; /* NULL: the object itself */
    struct span name;                /* of a list's item: empty */
    size_t index;
    const struct kube_node *node; /* NULL: absent */
    struct kube_pos pos;          /* where to point at; of an absent field, its parent's */
};

struct kube_field kube_field_root(struct kube_reader *reader, const struct kube_node *node);
struct kube_field kube_field_get(const struct kube_field *map, const char *name);
struct kube_field kube_field_item(const struct kube_field *list, size_t index);
struct kube_field kube_field_entry(const struct kube_field *map, const struct kube_entry *entry);

static inline bool kube_field_is_set(const struct kube_field *field)
{
    return field->node != NULL;
}

/* Reports at the field. `message` and `mend` need only live for the call. */
void kube_field_report(const struct kube_field *field, enum diag_severity severity,
                       enum diag_code code, struct span message, struct span mend);
/* A text for a report, until the document ends. */
#define kube_field_printf(field, ...) arena_printf((field)->reader->scratch, __VA_ARGS__)

/* True when the field is there and of that kind. Else false, reported unless it is merely absent.
 */
bool kube_field_expect(const struct kube_field *field, enum kube_node_kind kind, const char *mend);
/* As kube_field_expect(), and an absent field is reported too, as missing. */
bool kube_field_require(const struct kube_field *field, enum kube_node_kind kind, const char *mend);

YETT_MUST_USE bool kube_field_text(const struct kube_field *field, struct kube_text *ret_text);
YETT_MUST_USE bool kube_field_bool(const struct kube_field *field, bool *ret_value);
/* A number from 1 to 65535. */
YETT_MUST_USE bool kube_field_port(const struct kube_field *field, uint16_t *ret_port);
/* A map of strings. Values of other types are reported and taken as written; an entry that is a
 * list or a map is reported and left out. */
struct kube_pairs kube_field_pairs(const struct kube_field *field);
/* The same for what is not kept: it lies in the scratch. */
struct kube_pairs kube_field_pairs_briefly(const struct kube_field *field);

/* One of `words` (ends with NULL), as its index. */
YETT_MUST_USE bool kube_field_word(const struct kube_field *field, const char *const *words,
                                   size_t *ret_index);

/* A field that stands where Kubernetes does not look for it, and what to do about that. */
struct kube_misfit {
    const char *name; /* NULL ends the list */
    enum diag_severity severity;
    const char *mend;
};

/* Reports each key of `map` that is not `known`, with the mend of `misfits` (may be NULL), or with
 * the word that was likely meant. */
void kube_field_check_known(const struct kube_field *map, const char *const *known,
                            const struct kube_misfit *misfits);
/* Reports keys that are written more than once, in this node and below. */
void kube_field_check_duplicates(const struct kube_field *field);

#endif
