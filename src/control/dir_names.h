/* control/dir_names.h
 *
 * Purpose    Which names of a directory of manifests are read: editors' and kubelet's own are
 *            not. */
#ifndef YETT_CONTROL_DIR_NAMES_H
#define YETT_CONTROL_DIR_NAMES_H

#include "base/span.h"

/* .yaml, .yml or .json, and neither hidden nor an editor's temporary file. */
bool dir_name_is_manifest(struct span name);

/* Neither hidden ("." and ".." too) nor one of kubelet's "..2026_…" directories, whose files are
 * reached through the symlinks beside them. */
bool dir_name_is_folder(struct span name);

/* "..data" and its kin: when kubelet renames it, what the symlinks of the same folder lead to
 * changes. */
bool dir_name_is_kubelet(struct span name);

#endif
