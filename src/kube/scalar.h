/* kube/scalar.h
 *
 * Purpose    What a plain (unquoted) YAML scalar is: nothing, a bool, a number or a string. The
 * rules are those of YAML 1.1 as sigs.k8s.io/yaml, the converter of kubectl, has them. See
 * https://yaml.org/type/ */
#ifndef YETT_KUBE_SCALAR_H
#define YETT_KUBE_SCALAR_H

#include "kube/node.h"

/* *ret_truth is set for a KUBE_NODE_BOOL only. */
enum kube_node_kind kube_scalar_resolve(struct span text, bool *ret_truth);

/* A whole number in any of YAML's forms: 80, +80, 0x50, 0o120, 0120, 0b1010000, 8_0. False: it is
 * not one, or it does not fit. */
YETT_MUST_USE bool kube_scalar_int(struct span text, int64_t *ret_value);

#endif
