/* api/kubeconfig.h
 *
 * Purpose    What a kubeconfig says about one context, as an api_config.
 * Roles      api/config.c only.
 * Errors     False, with one sentence in *error. */
#ifndef YETT_API_KUBECONFIG_H
#define YETT_API_KUBECONFIG_H

#include "api/config.h"

/* Fills `config`, which is empty but for its arena. `server` and `ca_file`: where not empty, what counts
 * in place of the cluster's own. */
YETT_MUST_USE bool kubeconfig_load(const struct api_config_choice *choice,
                                   struct api_config *config, struct buf *error);

#endif
