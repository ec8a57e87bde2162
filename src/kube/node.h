/* kube/node.h
 *
 * Purpose    What YAML and JSON texts become before anyone asks what they mean: a tree of nodes
 * that know where they stand. Ownership  Nodes and texts live in the arena that they were made in.
 * An alias is the very node that it names, so that a tree may share parts; it never holds itself.
 * Lifetime   Immutable once made, but for `is_reported`.
 * Limits     `weight` and `height` count aliases as often as they are used; the parsers hold them
 *            against KUBE_NODES_MAX and KUBE_DEPTH_MAX, so that walking a tree is always bounded.
 */
#ifndef YETT_KUBE_NODE_H
#define YETT_KUBE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "kube/diag.h"

enum kube_node_kind {
    KUBE_NODE_NULL,
    KUBE_NODE_BOOL,
    KUBE_NODE_NUMBER,
    KUBE_NODE_STRING,
    KUBE_NODE_LIST,
    KUBE_NODE_MAP,
};

struct kube_node {
    enum kube_node_kind kind;
    struct kube_pos pos;
    uint32_t weight;  /* nodes in it, itself too */
    uint16_t height;  /* levels of lists and maps in it, itself too; 0: scalar */
    bool truth;       /* of a BOOL */
    bool is_merge;    /* an unquoted "<<", as a key */
    struct span text; /* of scalars, after quotes and escapes */
    union {
        const struct kube_node **items; /* of a LIST */
        struct kube_entry *entries;     /* of a MAP */
    };
    size_t len;
};

struct kube_entry {
    const struct kube_node *key; /* a scalar; its text counts */
    const struct kube_node *value;
    struct kube_entry *shadowed; /* the entry of the same key before this one, which lost */
    bool is_reported;            /* shared parts of a tree are walked more than once */
};

/* Why a text did not become a tree. */
struct kube_fault {
    enum diag_code code;
    struct kube_pos pos;
    struct span message, mend; /* in the arena, or static */
};

enum kube_parse_result {
    KUBE_PARSE_OK = 0,
    KUBE_PARSE_NOTHING, /* only space and comments */
    KUBE_PARSE_FAULT,
};

struct kube_node *kube_node_new_scalar(struct arena *arena, enum kube_node_kind kind,
                                       struct kube_pos pos, struct span text);
/* Copies `items`. */
struct kube_node *kube_node_new_list(struct arena *arena, struct kube_pos pos,
                                     const struct kube_node *const *items, size_t len);
/* `pairs` are keys and values by turns, `len` of both together. Of equal keys the last wins and
 * keeps the others as `shadowed`. Merge keys are resolved; NULL: one whose value is not a map or a
 * list of maps. */
struct kube_node *kube_node_new_map(struct arena *arena, struct kube_pos pos,
                                    const struct kube_node *const *pairs, size_t len);

/* NULL: `map` is not a map, or has no such key. */
const struct kube_node *kube_node_find(const struct kube_node *map, struct span key);

bool kube_node_eq(const struct kube_node *a, const struct kube_node *b);

/* "a string", "a list", … */
const char *kube_node_kind_name(enum kube_node_kind kind);

#endif
