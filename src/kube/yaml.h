/* kube/yaml.h
 *
 * Purpose    One YAML document → a tree (the only user of libyaml). Anchors, aliases and merge keys
 *            are resolved.
 * Limits     KUBE_DEPTH_MAX and *nodes_left; a document over either is refused whole. */
#ifndef YETT_KUBE_YAML_H
#define YETT_KUBE_YAML_H

#include "kube/node.h"

/* Parses `piece`, which holds one document at most and whose first byte stands at `origin` of its
 * file. Takes what it uses off *nodes_left. The tree does not borrow from `piece`. */
YETT_MUST_USE enum kube_parse_result kube_yaml_parse(struct arena *arena, struct span piece,
                                                     struct kube_pos origin, size_t *nodes_left,
                                                     const struct kube_node **ret_root,
                                                     struct kube_fault *ret_fault);

#endif
