#include "scratch.h"

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

void scratch_open(struct scratch *scratch)
{
    snprintf(scratch->root, sizeof(scratch->root), "/tmp/yett-api-XXXXXX");
    assert_non_null(mkdtemp(scratch->root));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void scratch_close(struct scratch *scratch)
{
    nftw(scratch->root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

const char *scratch_path(const struct scratch *scratch, const char *path)
{
    static char paths[8][512];
    static size_t next;
    char *at = paths[next++ % 8];

    snprintf(at, sizeof(paths[0]), "%s/%s", scratch->root, path);
    return at;
}

/* Written aside and renamed, as tools that rotate do. */
void scratch_write(const struct scratch *scratch, const char *path, const char *text)
{
    const char *aside = scratch_path(scratch, ".new");
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    assert_int_equal(rename(aside, scratch_path(scratch, path)), 0);
}

void scratch_mkdir(const struct scratch *scratch, const char *path)
{
    assert_int_equal(mkdir(scratch_path(scratch, path), 0700), 0);
}

void scratch_chmod(const struct scratch *scratch, const char *path, mode_t mode)
{
    assert_int_equal(chmod(scratch_path(scratch, path), mode), 0);
}

void scratch_unlink(const struct scratch *scratch, const char *path)
{
    assert_int_equal(unlink(scratch_path(scratch, path)), 0);
}
