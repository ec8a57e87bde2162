/* keeper/files.h
 *
 * Purpose    Whole files in one directory: written so that a name stands for all of the content or
 *            for what it stood for before.
 * Ownership  The directory's descriptor is the caller's.
 * Errors     -errno; a file that could not be written leaves nothing behind but, at worst, its
 *            name with STATE_TMP added. */
#ifndef YETT_KEEPER_FILES_H
#define YETT_KEEPER_FILES_H

#include "base/compiler.h"
#include "base/span.h"

/* Writes head and body under `name`, for no other user to read, and syncs the file. The directory is
 * not synced: files_sync() does so for many. */
YETT_MUST_USE int files_write(int dir, const char *name, struct span head, struct span body);
YETT_MUST_USE int files_sync(int dir);

/* The content of a regular file of exactly `bytes`, into `at`. -EBADMSG: it has another size, or is no
 * regular file. */
YETT_MUST_USE int files_read(int dir, const char *name, char *at, size_t bytes);
/* The size of a regular file. */
YETT_MUST_USE int files_size(int dir, const char *name, size_t *ret_bytes);

#endif
