#include "proc/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The file in the image carries the capability as permitted, not as effective: a file that demands
 * an effective one cannot be run at all, with no better word than "operation not permitted", in a
 * container that has it not, and that one may need no low port. So it is taken up here. */
int proc_capability_raise_bind(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    const __u32 bind = CAP_TO_MASK(CAP_NET_BIND_SERVICE);

    if (syscall(SYS_capget, &header, sets) == -1)
        return -errno;
    if (!(sets[0].permitted & bind) || (sets[0].effective & bind))
        return 0;
    sets[0].effective |= bind;
    return syscall(SYS_capset, &header, sets) == -1 ? -errno : 0;
}
