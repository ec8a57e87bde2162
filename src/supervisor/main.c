#include "supervisor/main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/scope.h"
#include "proc/capability.h"
#include "proc/sandbox.h"
#include "proc/title.h"
#include "supervisor/admin_socket.h"
#include "supervisor/children.h"
#include "supervisor/handover.h"
#include "supervisor/outputs.h"
#include "supervisor/signals.h"
#include "supervisor/state.h"

/* Everything that can fail for a reason of the machine's (ports, descriptors) fails before the first
 * child starts. After that the loop only ends by a signal. */

static void supervisor_init(struct supervisor *supervisor, const struct supervisor_options *options)
{
    *supervisor = (struct supervisor){ .options = options,
                                       .null_fd = -1,
                                       .admin_fd = -1,
                                       .access_log_fd = -1,
                                       .webhook_fd = -1,
                                       .signal_fd = -1 };
    for (uint32_t i = 0; i < PROC_WORKERS_MAX; i++)
        supervisor->stats_fds[i] = -1;
    rollout_init(&supervisor->rollout, options->workers);
    drain_init(&supervisor->drain);
    keeping_init(&supervisor->keeping, options->keeps_state, now_ms());
    children_init(supervisor);
}

static void supervisor_closep(struct supervisor *supervisor)
{
    listeners_close(&supervisor->listeners);
    ports_close(&supervisor->ports);
    images_deinit(&supervisor->images);
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        stats_page_unmap(supervisor->stats[i]);
        fd_closep(&supervisor->stats_fds[i]);
        fd_closep(&supervisor->workers[i].channel);
    }
    fd_closep(&supervisor->controller.channel);
    fd_closep(&supervisor->keeper.channel);
    fd_closep(&supervisor->null_fd);
    fd_closep(&supervisor->admin_fd);
    fd_closep(&supervisor->access_log_fd);
    fd_closep(&supervisor->webhook_fd);
    fd_closep(&supervisor->signal_fd);
}

static int stats_open(struct supervisor *supervisor)
{
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        int fd = stats_page_create();
        if (fd < 0)
            return fd;
        supervisor->stats_fds[i] = fd;
        int r = stats_page_map(fd, STATS_WRITE, &supervisor->stats[i]);
        if (r < 0)
            return r;
    }
    return 0;
}

static int descriptors_open(struct supervisor *supervisor)
{
    supervisor->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (supervisor->null_fd == -1)
        return -errno;
    int r = admin_socket_open(&supervisor->hello, &supervisor->admin_fd);
    if (r < 0)
        return r;
    r = stats_open(supervisor);
    if (r < 0)
        return r;
    if (supervisor->options->access_log) {
        r = outputs_open_access_log(&supervisor->access_log_fd);
        if (r < 0)
            return r;
    }
    return signals_open(&supervisor->signal_fd);
}

/* To the hard limit, for all roles: a connection is a descriptor, or two, and many systems begin with
 * 1,024. Images on their way to workers count, too (unix(7), ETOOMANYREFS). */
static void descriptor_limit_raise(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) == -1)
        log_warn("descriptor_limit_stays", F_ERRNO(-errno));
}

static int supervisor_open(struct supervisor *supervisor)
{
    int r = outputs_secure();
    if (r == 0)
        r = descriptors_open(supervisor);
    if (r == 0)
        r = proc_capability_raise_bind();
    if (r < 0) {
        log_error("setup_failed", F_ERRNO(r));
        return r;
    }
    r = listeners_open(supervisor->options, &supervisor->listeners);
    if (r == 0 && supervisor->options->has_webhook)
        r = listeners_open_webhook(supervisor->options, &supervisor->webhook_fd);
    if (r < 0)
        return r; /* has been logged, with its flag */
    r = proc_sandbox_enter(PROC_SUPERVISOR,
                           supervisor->options->opens_ports ? SANDBOX_BIND : SANDBOX_NOTHING);
    if (r < 0)
        log_error("sandbox_failed", F_ERRNO(r));
    return r;
}

static int wait_ms_until(uint64_t deadline_ms)
{
    uint64_t now = now_ms();

    if (deadline_ms == UINT64_MAX)
        return -1;
    if (deadline_ms <= now)
        return 0;
    return (int)MIN(deadline_ms - now, (uint64_t)INT32_MAX);
}

static uint64_t next_deadline_ms(const struct supervisor *supervisor)
{
    uint64_t next = children_deadline_ms(supervisor);

    next = MIN(next, rollout_deadline_ms(&supervisor->rollout));
    next = MIN(next, keeping_deadline_ms(supervisor));
    next = MIN(next, ports_deadline_ms(&supervisor->ports));
    return MIN(next, supervisor->drain.phase_until_ms);
}

/* One turn: wait for signals, for what children say, or for a deadline. Descriptor -1 is skipped by
 * poll(), so a child that is away keeps its place. */
static int turn(struct supervisor *supervisor)
{
    uint32_t workers = supervisor->options->workers;
    struct pollfd waits[3 + PROC_WORKERS_MAX];

    waits[0] = (struct pollfd){ .fd = supervisor->signal_fd, .events = POLLIN };
    waits[1] = (struct pollfd){ .fd = supervisor->controller.channel, .events = POLLIN };
    waits[2] = (struct pollfd){ .fd = supervisor->keeper.channel, .events = POLLIN };
    for (uint32_t i = 0; i < workers; i++)
        waits[3 + i] = (struct pollfd){ .fd = supervisor->workers[i].channel, .events = POLLIN };
    if (poll(waits, 3 + workers, wait_ms_until(next_deadline_ms(supervisor))) == -1)
        return errno == EINTR ? 0 : -errno;

    /* Deaths first: a killed child's closed channel is then no surprise. */
    if (waits[0].revents)
        signals_on_readable(supervisor);
    if (waits[1].revents && supervisor->controller.channel == waits[1].fd)
        handover_on_readable(supervisor, &supervisor->controller);
    if (waits[2].revents && supervisor->keeper.channel == waits[2].fd)
        handover_on_readable(supervisor, &supervisor->keeper);
    for (uint32_t i = 0; i < workers; i++) {
        if (waits[3 + i].revents && supervisor->workers[i].channel == waits[3 + i].fd)
            handover_on_readable(supervisor, &supervisor->workers[i]);
    }
    handover_on_time(supervisor);
    ports_on_time(supervisor);
    children_start_due(supervisor);
    drain_step(supervisor);
    keeping_step(supervisor);
    return 0;
}

static bool is_over(const struct supervisor *supervisor)
{
    return supervisor->drain.phase == DRAIN_OVER && supervisor->controller.pid == 0 &&
           children_workers_running(supervisor) == 0;
}

int supervisor_main(const struct supervisor_options *options)
{
    SCOPED(supervisor_closep) struct supervisor supervisor;

    invariant(options->workers >= 1 && options->workers <= PROC_WORKERS_MAX);
    proc_title_set("yett: supervisor");
    descriptor_limit_raise();
    supervisor_init(&supervisor, options);
    if (supervisor_open(&supervisor) < 0)
        return EXIT_FAILURE;
    while (!is_over(&supervisor)) {
        int r = turn(&supervisor);
        if (r < 0) {
            log_error("loop_failed", F_ERRNO(r));
            return EXIT_FAILURE; /* the children end with us */
        }
    }
    log_info("ended",
             F_STR("how", supervisor.drain.had_to_kill ? "some had to be killed" : "in order"));
    return supervisor.drain.had_to_kill ? EXIT_FAILURE : EXIT_SUCCESS;
}
