/* kube/kinds.h
 *
 * Purpose    What the decoder knows about each kind: its API versions, and how its fields are read.
 * Ownership  As kube/field.h. */
#ifndef YETT_KUBE_KINDS_H
#define YETT_KUBE_KINDS_H

#include "kube/field.h"

struct kube_kind_row {
    const char *name;
    enum kube_kind kind;
    bool is_namespaced;
    bool keeps_labels, keeps_annotations; /* else only `decode` sees them */
    const char *current_api;
    const char *outdated_apis[2];      /* still read; NULL: no more */
    const char *const *known;          /* fields of the root, ends with NULL */
    const struct kube_misfit *misfits; /* of the root; NULL: none */
    /* Fills the part of `object` that belongs to its kind. False: nothing of use was left;
     * reported. */
    bool (*decode)(const struct kube_field *root, struct kube_object *object);
};

/* NULL: a kind that does not concern a gate. */
const struct kube_kind_row *kube_kind_row_find(struct span name);

/* metadata of any kind; labels and annotations that are not kept lie in the scratch. False: the object cannot
 * be named; reported. */
YETT_MUST_USE bool kube_decode_metadata(const struct kube_field *root,
                                        const struct kube_kind_row *row,
                                        struct kube_object *object);

bool kube_decode_ingress(const struct kube_field *root, struct kube_object *object);
bool kube_decode_ingress_class(const struct kube_field *root, struct kube_object *object);
bool kube_decode_service(const struct kube_field *root, struct kube_object *object);
bool kube_decode_endpoint_slice(const struct kube_field *root, struct kube_object *object);
bool kube_decode_secret(const struct kube_field *root, struct kube_object *object);
bool kube_decode_config_map(const struct kube_field *root, struct kube_object *object);
bool kube_decode_namespace(const struct kube_field *root, struct kube_object *object);

/* Parts that several kinds have. */
bool kube_decode_backend(const struct kube_field *field, bool is_outdated,
                         struct kube_backend *ret_backend);
bool kube_decode_protocol(const struct kube_field *port, enum kube_protocol *ret_protocol);

#endif
