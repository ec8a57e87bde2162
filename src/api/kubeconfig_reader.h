/* api/kubeconfig_reader.h
 *
 * Purpose    Reads the files of a kubeconfig and what stands in their fields; says what is wrong with the
 *            file, the line and the thing that it is in.
 * Ownership  Everything lives in the arena given.
 * Errors     Readers return false after *error got its sentence; absent fields are no error to them.
 * See        https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/ */
#ifndef YETT_API_KUBECONFIG_READER_H
#define YETT_API_KUBECONFIG_READER_H

#include "api/config.h"
#include "kube/node.h"

struct kubeconfig_file {
    struct span path, dir; /* dir ends in a slash, or is empty */
    const struct kube_node *root;
};

/* Where we are: a map of fields, and the words for it. */
struct kubeconfig_at {
    struct arena *arena;
    struct buf *error;
    const struct kubeconfig_file *file;
    struct span what;            /* "user 'dev'"; empty: the file itself */
    const struct kube_node *map; /* NULL: has no fields */
};

struct kubeconfig_files {
    struct arena *arena;
    struct buf *error;
    struct span paths; /* as given */
    VEC(struct kubeconfig_file) files;
};

/* One that does not exist is passed over if another does. */
YETT_MUST_USE bool kubeconfig_files_read(struct kubeconfig_files *files, struct span paths);
void kubeconfig_files_deinit(struct kubeconfig_files *files);

/* The first current-context; empty: none. */
YETT_MUST_USE bool kubeconfig_current_context(struct kubeconfig_files *files,
                                              struct span *ret_name);
/* The map at `inner` of the item of the list at `list` whose name is `name`: of the first file that has one.
 * False: there is none, which is an error that names those that are there. */
YETT_MUST_USE bool kubeconfig_find(struct kubeconfig_files *files, const char *list,
                                   const char *inner, struct span name,
                                   struct kubeconfig_at *ret_at);

/* "FILE:LINE: what: " and the sentence. Returns false. */
bool kubeconfig_fail(const struct kubeconfig_at *at, const struct kube_node *node, const char *fmt,
                     ...) YETT_PRINTF(3, 4);

const struct kube_node *kubeconfig_field(const struct kubeconfig_at *at, const char *name);
/* The fields of the map at `name`; NULL in it where there is none. */
YETT_MUST_USE bool kubeconfig_map(const struct kubeconfig_at *at, const char *name,
                                  struct kubeconfig_at *ret_at);
/* Empty: absent. A text has no NUL in it, and is followed by one. */
YETT_MUST_USE bool kubeconfig_text(const struct kubeconfig_at *at, const char *name,
                                   struct span *ret_text);
YETT_MUST_USE bool kubeconfig_bool(const struct kubeconfig_at *at, const char *name,
                                   bool *ret_value);
/* base64 of PEM. */
YETT_MUST_USE bool kubeconfig_pem(const struct kubeconfig_at *at, const char *name,
                                  struct span *ret_pem);
/* A file that can be read now, relative to the kubeconfig. */
YETT_MUST_USE bool kubeconfig_path(const struct kubeconfig_at *at, const char *name,
                                   struct span *ret_path);
/* The text of `node`, an item of the list `name`. */
YETT_MUST_USE bool kubeconfig_item_text(const struct kubeconfig_at *at, const char *name,
                                        const struct kube_node *node, struct span *ret_text);
/* The list at `name`; NULL: absent. */
YETT_MUST_USE bool kubeconfig_list(const struct kubeconfig_at *at, const char *name,
                                   const struct kube_node **ret_list);

struct span kubeconfig_relative(const struct kubeconfig_at *at, struct span path);

#endif
