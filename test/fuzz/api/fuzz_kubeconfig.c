#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "api/config.h"
#include "base/bug.h"

/* A kubeconfig of hostile bytes: it is a config, or an error that says something. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void load(const char *path)
{
    struct api_config_choice choice = { .kubeconfig = span_from_str(path) };
    struct api_config *config = NULL;
    struct buf error = { 0 };

    switch ((enum api_config_result)api_config_load(&choice, &config, &error)) {
    case API_CONFIG_OK:
        invariant(config->server.len > 0 && error.len == 0);
        break;
    case API_CONFIG_BAD:
        invariant(!config && error.len > 0);
        break;
    case API_CONFIG_ABSENT:
        unreachable();
    }
    api_config_free(config);
    buf_deinit(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct buf path = { 0 };
    int fd = memfd_create("kubeconfig", MFD_CLOEXEC);

    invariant(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    buf_printf(&path, "/proc/self/fd/%d", fd);
    buf_append_byte(&path, '\0');
    load(path.ptr);
    buf_deinit(&path);
    close(fd);
    return 0;
}
