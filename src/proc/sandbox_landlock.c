#include <errno.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "proc/sandbox_fences.h"

/* Landlock refuses what a ruleset handles and no rule allows; a worker's has no rule, a keeper's one. The layout and the
 * numbers are those of linux/landlock.h at version 6, written out because Debian 12's header stops
 * at version 2 while nodes run newer kernels. */

struct ruleset {
    uint64_t handled_fs;
    uint64_t handled_net;
    uint64_t scoped;
};

struct rule_beneath {
    uint64_t allowed;
    int32_t parent;
} __attribute__((packed));

enum {
    FS_RIGHTS_V1 = 0x1fff, /* execute, write, read, list, remove and make of every type */
    FS_WRITE_FILE = 1 << 1,
    FS_READ_FILE = 1 << 2,
    FS_READ_DIR = 1 << 3,
    FS_REMOVE_FILE = 1 << 5,
    FS_MAKE_REGULAR = 1 << 8,
    FS_REFER_V2 = 1 << 13,
    FS_TRUNCATE_V3 = 1 << 14,
    FS_IOCTL_DEVICE_V5 = 1 << 15,
    NET_BIND_TCP_V4 = 1 << 0, /* connecting stays allowed: any Pod may be a backend */
    SCOPE_SIGNAL_V6 = 1 << 1, /* abstract sockets stay allowed: the admin endpoint is one */
    CREATE_RULESET_VERSION = 1 << 0,
    RULE_PATH_BENEATH = 1,
};

static struct ruleset ruleset_for(long version)
{
    struct ruleset rules = { .handled_fs = FS_RIGHTS_V1 };

    if (version >= 2)
        rules.handled_fs |= FS_REFER_V2;
    if (version >= 3)
        rules.handled_fs |= FS_TRUNCATE_V3;
    if (version >= 4)
        rules.handled_net |= NET_BIND_TCP_V4;
    if (version >= 5)
        rules.handled_fs |= FS_IOCTL_DEVICE_V5;
    if (version >= 6)
        rules.scoped |= SCOPE_SIGNAL_V6;
    return rules;
}

/* What it takes to keep files: read, write, make, rename and remove them. */
static int rule_add(int ruleset, const struct ruleset *rules, int dir)
{
    struct rule_beneath beneath = {
        .allowed = rules->handled_fs & (FS_WRITE_FILE | FS_READ_FILE | FS_READ_DIR |
                                        FS_REMOVE_FILE | FS_MAKE_REGULAR | FS_TRUNCATE_V3),
        .parent = dir,
    };
    long r = syscall(SYS_landlock_add_rule, ruleset, RULE_PATH_BENEATH, &beneath, 0);

    return r == -1 ? -errno : 0;
}

int sandbox_landlock_enter(int dir)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, CREATE_RULESET_VERSION);
    if (version == -1 && (errno == ENOSYS || errno == EOPNOTSUPP)) {
        log_warn("sandbox_fence_missing", F_STR("fence", "landlock"), F_ERRNO(-errno),
                 F_STR("mend", "a kernel from 5.13 on with landlock among its LSMs"));
        return 0;
    }
    if (version == -1)
        return -errno;

    /* A kernel that knows less than this struct takes it as long as the rest is zero. */
    struct ruleset rules = ruleset_for(version);
    SCOPED(fd_closep)
    int fd = (int)syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
    if (fd == -1)
        return -errno;
    if (dir >= 0) {
        int r = rule_add(fd, &rules, dir);
        if (r < 0)
            return r;
    }
    return syscall(SYS_landlock_restrict_self, fd, 0) == -1 ? -errno : 0;
}
