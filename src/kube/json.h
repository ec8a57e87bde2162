/* kube/json.h
 *
 * Purpose    One JSON value → a tree.
 * Ownership  Nodes lie in the arena. Texts without escapes borrow from the JSON, which must outlive the tree.
 * Limits     KUBE_DEPTH_MAX and *nodes_left; a value over either is refused whole.
 * See        RFC 8259 */
#ifndef YETT_KUBE_JSON_H
#define YETT_KUBE_JSON_H

#include "kube/node.h"

/* Parses the value that `text` starts with and says how many bytes it took; more may follow. The
 * text is held strictly to RFC 8259. `wants_positions`: nodes know where they stand. Of metadata,
 * managedFields is left out: it is larger than all else of most objects, and says nothing to a gate. The rest
 * is as kube_yaml_parse(). */
YETT_MUST_USE enum kube_parse_result kube_json_parse(struct arena *arena, struct span text,
                                                     struct kube_pos origin, bool wants_positions,
                                                     size_t *nodes_left,
                                                     const struct kube_node **ret_root,
                                                     size_t *ret_bytes,
                                                     struct kube_fault *ret_fault);

/* The length of the number that `text` begins with; 0: there is none. Digits after a leading zero are none
 * either. */
size_t kube_json_number_len(struct span text);

#endif
