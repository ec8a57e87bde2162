#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bug.h"

void scratch_open(struct scratch *scratch)
{
    memcpy(scratch->root, "/tmp/yett-test-XXXXXX", sizeof("/tmp/yett-test-XXXXXX"));
    invariant(mkdtemp(scratch->root) != NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path);
}

void scratch_close(struct scratch *scratch)
{
    invariant(nftw(scratch->root, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0);
}

const char *scratch_path(const struct scratch *scratch, const char *path)
{
    static char texts[8][512];
    static unsigned next;
    char *text = texts[next++ % 8];
    int len = snprintf(text, sizeof(texts[0]), "%s/%s", scratch->root, path);

    invariant(len > 0 && (size_t)len < sizeof(texts[0]));
    return text;
}

void scratch_write(const struct scratch *scratch, const char *path, const char *text)
{
    size_t len = strlen(text);
    int fd = open(scratch_path(scratch, path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    invariant(fd != -1);
    invariant(write(fd, text, len) == (ssize_t)len);
    close(fd);
}

void scratch_replace(const struct scratch *scratch, const char *path, const char *text)
{
    scratch_write(scratch, ".new", text);
    scratch_rename(scratch, ".new", path);
}

void scratch_mkdir(const struct scratch *scratch, const char *path)
{
    invariant(mkdir(scratch_path(scratch, path), 0755) == 0);
}

void scratch_chmod(const struct scratch *scratch, const char *path, mode_t mode)
{
    invariant(chmod(scratch_path(scratch, path), mode) == 0);
}

void scratch_rename(const struct scratch *scratch, const char *from, const char *to)
{
    invariant(rename(scratch_path(scratch, from), scratch_path(scratch, to)) == 0);
}

void scratch_symlink(const struct scratch *scratch, const char *target, const char *path)
{
    invariant(symlink(target, scratch_path(scratch, path)) == 0);
}

void scratch_unlink(const struct scratch *scratch, const char *path)
{
    invariant(unlink(scratch_path(scratch, path)) == 0);
}
