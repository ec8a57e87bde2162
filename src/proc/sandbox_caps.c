#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/sandbox_fences.h"

/* The bounding set first, while CAP_SETPCAP may still be there. Without it the set stays, which is
 * harmless: no_new_privs keeps an exec from drawing on it. */
static int bounding_set_clear(void)
{
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++) {
        if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == -1) {
            if (errno == EPERM)
                return 0;
            return -errno;
        }
    }
    return 0;
}

int sandbox_caps_drop(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

    int r = bounding_set_clear();
    if (r < 0)
        return r;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
        return -errno;
    return syscall(SYS_capset, &header, none) == -1 ? -errno : 0;
}
