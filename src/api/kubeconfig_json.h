/* api/kubeconfig_json.h
 *
 * Purpose    A part of a kubeconfig as JSON, for an exec plugin that is told of its cluster. */
#ifndef YETT_API_KUBECONFIG_JSON_H
#define YETT_API_KUBECONFIG_JSON_H

#include "base/buf.h"
#include "kube/node.h"

void kubeconfig_json_encode(const struct kube_node *node, struct buf *out);

#endif
