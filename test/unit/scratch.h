/* test/unit/scratch.h
 *
 * Purpose    A directory of one test's own, and what people and kubelet do to such directories.
 * Ownership  scratch_close() removes all of it. Paths are relative to it. */
#ifndef YETT_TEST_SCRATCH_H
#define YETT_TEST_SCRATCH_H

#include <sys/types.h>

struct scratch {
    char root[64];
};

void scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);

/* The absolute path, in a static buffer that the next call but seven overwrites. */
const char *scratch_path(const struct scratch *scratch, const char *path);

void scratch_write(const struct scratch *scratch, const char *path, const char *text);
/* Written aside and renamed, as tools that rotate do. */
void scratch_replace(const struct scratch *scratch, const char *path, const char *text);
void scratch_mkdir(const struct scratch *scratch, const char *path);
void scratch_chmod(const struct scratch *scratch, const char *path, mode_t mode);
void scratch_rename(const struct scratch *scratch, const char *from, const char *to);
void scratch_symlink(const struct scratch *scratch, const char *target, const char *path);
void scratch_unlink(const struct scratch *scratch, const char *path);

#endif
