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

/* What is to be left. Neither inheritable nor ambient: an exec takes it along only where the file gives it anew,
 * which no-new-privileges allows for what one has, and where the bounding set could not be cleared. */
static int sets_choose(bool keeps_bind, struct __user_cap_header_struct *header,
                       struct __user_cap_data_struct *ret_sets)
{
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

    if (!keeps_bind)
        return 0;
    if (syscall(SYS_capget, header, sets) == -1)
        return -errno;
    ret_sets[0].permitted = sets[0].permitted & CAP_TO_MASK(CAP_NET_BIND_SERVICE);
    ret_sets[0].effective = ret_sets[0].permitted;
    return 0;
}

int sandbox_caps_drop(bool keeps_bind)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct left[_LINUX_CAPABILITY_U32S_3] = { 0 };

    int r = bounding_set_clear();
    if (r < 0)
        return r;
    r = sets_choose(keeps_bind, &header, left);
    if (r < 0)
        return r;
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) == -1 && errno != EINVAL)
        return -errno;
    return syscall(SYS_capset, &header, left) == -1 ? -errno : 0;
}
