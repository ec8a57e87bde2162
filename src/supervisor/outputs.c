#include "supervisor/outputs.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/scope.h"

int outputs_secure(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR); /* the lowest free number, and it stays */
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd == -1)
        return -errno;
    close(fd);
    return 0;
}

/* Descriptions that share a file each have a position of their own; only appending keeps `> log
 * 2>&1` from overwriting itself. */
static void append_where_file(int fd)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (flags != -1 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        (void)fcntl(fd, F_SETFL, flags | O_APPEND);
}

static int duplicate(int fd, int *ret_fd)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (copy == -1)
        return -errno;
    *ret_fd = copy;
    return 0;
}

/* Whoever shares the description of standard output gets O_NONBLOCK, too. A log line cut short is
 * the smaller evil: a worker that waits for a reader serves nobody. */
static int make_shared_non_blocking(int *ret_fd)
{
    int flags = fcntl(STDOUT_FILENO, F_GETFL);

    if (flags == -1 || fcntl(STDOUT_FILENO, F_SETFL, flags | O_NONBLOCK) == -1)
        return -errno;
    return duplicate(STDOUT_FILENO, ret_fd);
}

int outputs_open_access_log(int *ret_fd)
{
    struct stat st;

    append_where_file(STDOUT_FILENO);
    append_where_file(STDERR_FILENO);
    if (fstat(STDOUT_FILENO, &st) == -1)
        return -errno;
    if (S_ISSOCK(st.st_mode))
        return duplicate(STDOUT_FILENO, ret_fd);
    int fd = open("/proc/self/fd/1", O_WRONLY | O_NONBLOCK | O_APPEND | O_CLOEXEC | O_NOCTTY);
    if (fd == -1) {
        log_warn("access_log_shared", F_ERRNO(-errno),
                 F_STR("mend", "let the user of yett open its standard output"));
        return make_shared_non_blocking(ret_fd);
    }
    *ret_fd = fd;
    return 0;
}
