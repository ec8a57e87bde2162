/* kube/decode.h
 *
 * Purpose    Text in YAML or JSON → objects. One decoder reads one tree, whatever the text was.
 * Ownership  A kube_bundle owns everything that was decoded into it, texts of diagnostics too.
 * Lifetime   kube_bundle_free() ends all its objects: take them out of any kube_store first.
 * Limits     KUBE_FILE_BYTES_MAX, KUBE_DEPTH_MAX, KUBE_NODES_MAX (aliases counted as often as they
 *            are used: a "billion laughs" ends as a diagnostic). What is over a cap is refused
 * whole. Errors     None: whatever is wrong is in bundle->diags, and the rest is decoded. */
#ifndef YETT_KUBE_DECODE_H
#define YETT_KUBE_DECODE_H

#include "kube/node.h"
#include "kube/types.h"

enum {
    KUBE_FILE_BYTES_MAX = 32 << 20, /* the API server takes 3 MB an object; a List holds several */
    KUBE_DEPTH_MAX = 64,            /* no object that we read is deeper than 12 */
    KUBE_NODES_MAX = 4 << 20,
};

struct kube_bundle {
    struct arena arena;
    VEC(struct kube_object) objects; /* in the order of the text */
    struct diag_list diags;
    size_t documents;   /* read, those passed over too */
    size_t passed_over; /* objects of kinds that do not concern a gate */
};

/* Decodes all documents of `text`. `file` names it in diagnostics and is kept in each object.
 * Multi-document YAML, List kinds, JSON (one value or several). A document that cannot be parsed
 * harms itself and, in YAML, what follows up to the next "---" line. Of a key that is written twice
 * the last counts, and it is reported: as an error where the two differ. An empty `file` means the
 * API: its objects have no places. */
YETT_MUST_USE struct kube_bundle *kube_bundle_decode(struct span text, struct span file);
/* Decodes one object of the API, as JSON. Of an item of a list, which leaves out apiVersion and kind, it is
 * known that it is of `kind`. Fields that we do not know are no fault: the API server knew them. */
YETT_MUST_USE struct kube_bundle *kube_bundle_decode_item(struct span json, enum kube_kind kind);
/* The same for one document that was parsed already, as the API gives it: its objects have no places. */
YETT_MUST_USE struct kube_bundle *kube_bundle_decode_tree(const struct kube_node *root);
struct kube_bundle *kube_bundle_free(struct kube_bundle *bundle);

#endif
