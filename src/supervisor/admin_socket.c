#include "supervisor/admin_socket.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/bug.h"
#include "base/scope.h"

enum { ADMIN_BACKLOG = 128 };

int admin_socket_open(struct proc_hello *hello, int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t address_bytes = sizeof(address);
    SCOPED(fd_closep)
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd == -1)
        return -errno;
    /* An address without a path asks for a free abstract one: unix(7), "Autobind feature". */
    if (bind(fd, (const struct sockaddr *)&address, sizeof(sa_family_t)) == -1 ||
        listen(fd, ADMIN_BACKLOG) == -1 ||
        getsockname(fd, (struct sockaddr *)&address, &address_bytes) == -1)
        return -errno;

    size_t name_at = offsetof(struct sockaddr_un, sun_path) + 1; /* past the NUL of "abstract" */
    invariant(address_bytes > name_at && address.sun_path[0] == 0);
    hello->admin_name_len = (uint32_t)(address_bytes - name_at);
    memcpy(hello->admin_name, address.sun_path + 1, hello->admin_name_len);
    *ret_fd = TAKE_FD(fd);
    return 0;
}
