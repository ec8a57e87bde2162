#include "proc/title.h"

#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/mem.h"

/* What ps shows is the memory in which the kernel laid out the arguments, followed by the
 * environment. Both move to the heap (for the life of the process), and the title takes their
 * place. */

static struct {
    char *start;
    size_t bytes;
} area;

static char *string_dup(const char *s)
{
    size_t bytes = strlen(s) + 1;
    char *copy = mem_alloc(bytes);

    memcpy(copy, s, bytes);
    return copy;
}

/* Takes strings into the area for as long as each starts where the one before ended. */
static void area_extend(char *const *strings)
{
    for (; *strings; strings++) {
        if (area.start + area.bytes != *strings)
            return;
        area.bytes += strlen(*strings) + 1;
    }
}

static char **environ_dup(void)
{
    size_t len = 0;

    while (environ[len])
        len++;
    char **copy = mem_alloc((len + 1) * sizeof(*copy));
    for (size_t i = 0; i < len; i++)
        copy[i] = string_dup(environ[i]);
    copy[len] = NULL;
    return copy;
}

void proc_title_init(int argc, char **argv)
{
    if (argc == 0 || area.start)
        return;
    area.start = argv[0];
    area_extend(argv);
    area_extend(environ);
    environ = environ_dup();
    for (int i = 0; i < argc; i++)
        argv[i] = string_dup(argv[i]);
}

void proc_title_set(const char *title)
{
    prctl(PR_SET_NAME, title); /* what top shows; the kernel cuts it at 15 bytes */
    if (area.bytes == 0)
        return;
    size_t len = MIN(strlen(title), area.bytes - 1);
    memcpy(area.start, title, len);
    memset(area.start + len, 0, area.bytes - len);
}
