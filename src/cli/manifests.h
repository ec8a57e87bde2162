/* cli/manifests.h
 *
 * Purpose    Manifests from files, directories and standard input → a store of objects.
 * Ownership  Owns the decoded bundles; objects in the store borrow from them.
 * Lifetime   manifests_init() … manifests_deinit().
 * Limits     KUBE_FILE_BYTES_MAX a file, MANIFESTS_DEPTH_MAX folders in each other.
 * Errors     None: what cannot be read is a diagnostic like any other, and the rest is read. */
#ifndef YETT_CLI_MANIFESTS_H
#define YETT_CLI_MANIFESTS_H

#include "kube/decode.h"
#include "kube/store.h"

enum { MANIFESTS_DEPTH_MAX = 32 };

struct manifests {
    struct kube_store store;
    VEC(struct kube_bundle *) bundles;
    struct diag_list diags;
    size_t files, documents;
};

void manifests_init(struct manifests *manifests);
void manifests_deinit(struct manifests *manifests);

/* Reads a file whatever its name, all .yaml, .yml and .json files of a directory and below it in
 * the order of their names (hidden ones aside), or standard input ("-"). */
void manifests_add(struct manifests *manifests, const char *path);

#endif
