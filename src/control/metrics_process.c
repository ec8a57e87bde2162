/* The standard process_… metrics, of the controller. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"

static void cpu_write(struct buf *out)
{
    struct timespec cpu;

    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == -1)
        return;
    prom_family(out, "process_cpu_seconds_total", PROM_COUNTER,
                "CPU time of the controller, user and system.");
    prom_seconds(out, "process_cpu_seconds_total", SPAN_EMPTY,
                 (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000);
}

/* /proc/self/statm: size and resident set in pages (proc(5)). */
static void memory_write(struct buf *out)
{
    char bytes[128];
    uint64_t pages[2];
    SCOPED(fd_closep) int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd == -1 ? -1 : read(fd, bytes, sizeof(bytes));

    if (n <= 0)
        return;
    struct span rest = span_of(bytes, (size_t)n);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        struct span word;
        if (!span_split(&rest, ' ', &word) || !num_parse_u64(word, UINT64_MAX, &pages[i]))
            return;
    }
    uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    prom_family(out, "process_virtual_memory_bytes", PROM_GAUGE,
                "Address space of the controller.");
    prom_u64(out, "process_virtual_memory_bytes", SPAN_EMPTY, pages[0] * page_bytes);
    prom_family(out, "process_resident_memory_bytes", PROM_GAUGE, "Memory of the controller.");
    prom_u64(out, "process_resident_memory_bytes", SPAN_EMPTY, pages[1] * page_bytes);
}

static void descriptors_write(struct buf *out)
{
    struct rlimit limit;
    uint64_t open_fds = 0;
    DIR *dir = opendir("/proc/self/fd");

    if (dir) {
        for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
            open_fds += entry->d_name[0] != '.';
        closedir(dir);
        prom_family(out, "process_open_fds", PROM_GAUGE, "Open descriptors of the controller.");
        prom_u64(out, "process_open_fds", SPAN_EMPTY, open_fds - 1); /* not the one just used */
    }
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        prom_family(out, "process_max_fds", PROM_GAUGE, "Descriptors that it may open.");
        prom_u64(out, "process_max_fds", SPAN_EMPTY, (uint64_t)limit.rlim_cur);
    }
}

void metrics_write_process(const struct metrics_input *input, struct buf *out)
{
    cpu_write(out);
    memory_write(out);
    descriptors_write(out);
    prom_family(out, "process_start_time_seconds", PROM_GAUGE,
                "Unix time at which the controller started.");
    prom_seconds(out, "process_start_time_seconds", SPAN_EMPTY, input->started_wall_ns / 1000);
}
