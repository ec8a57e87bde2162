/* ingress/annotate.h
 *
 * Purpose    What the annotations of one Ingress say, by the table annotations.h.
 * Ownership  Texts borrow from the object.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_ANNOTATE_H
#define YETT_INGRESS_ANNOTATE_H

#include "ingress/compile.h"
#include "ingress/config.h"

struct ingress_annotations {
    struct route_policy policy;
    bool ssl_redirect, force_ssl_redirect, preserve_trailing_slash;
    bool is_dropped;             /* makes no routes */
    bool is_denied;              /* all its rules answer 503 */
    struct span denied_but_path; /* set: rules of another path than this answer 503 */
    bool has_policy;             /* `policy` is not simply the ConfigMap's */
};

struct ingress_annotations ingress_annotations_read(const struct kube_object *ingress,
                                                    const struct ingress_config *config,
                                                    const struct ingress_options *options,
                                                    struct diag_list *diags);

#endif
