#include "supervisor/children.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/scope.h"
#include "proc/spawn.h"
#include "supervisor/handover.h"

static void child_init(struct child *child, enum proc_role role, uint32_t index)
{
    *child = (struct child){ .role = role, .index = index, .channel = -1 };
}

void children_init(struct supervisor *supervisor)
{
    child_init(&supervisor->controller, PROC_CONTROLLER, 0);
    child_init(&supervisor->keeper, PROC_KEEPER, 0);
    if (supervisor->options->keeps_state)
        supervisor->controller.restart_at_ms = UINT64_MAX; /* keeping_step() says when */
    else
        supervisor->keeper.restart_at_ms = UINT64_MAX;
    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        child_init(&supervisor->workers[i], PROC_WORKER, i);
}

struct fd_list {
    struct proc_spawn_fd items[PROC_SPAWN_FDS_MAX];
    size_t len;
};

static void fd_add(struct fd_list *list, int at, int fd)
{
    invariant(list->len < ARRAY_LEN(list->items));
    list->items[list->len++] = (struct proc_spawn_fd){ at, fd };
}

/* The two layouts of proc/inherit.h. */
static void fds_of_worker(const struct supervisor *supervisor, uint32_t index, struct fd_list *list)
{
    const struct listeners *listeners = &supervisor->listeners;

    if (supervisor->access_log_fd >= 0)
        fd_add(list, PROC_FD_ACCESS_LOG, supervisor->access_log_fd);
    fd_add(list, PROC_FD_FIRST, supervisor->stats_fds[index]);
    for (uint32_t i = 0; i < listeners->len; i++)
        fd_add(list, PROC_FD_FIRST + 1 + (int)i, listeners->fds[index][i]);
}

static void fds_of_controller(const struct supervisor *supervisor, struct fd_list *list)
{
    fd_add(list, PROC_FD_ADMIN, supervisor->admin_fd);
    if (supervisor->webhook_fd >= 0)
        fd_add(list, PROC_FD_WEBHOOK, supervisor->webhook_fd);
    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        fd_add(list, PROC_FD_FIRST + (int)i, supervisor->stats_fds[i]);
}

static struct proc_hello hello_of(const struct supervisor *supervisor, const struct child *child)
{
    struct proc_hello hello = supervisor->hello;

    hello.role = child->role;
    hello.worker_index = child->index;
    hello.starts = child->starts + 1;
    hello.workers_len = supervisor->options->workers;
    hello.listeners_len = supervisor->listeners.len;
    memcpy(hello.listeners, supervisor->listeners.kinds, sizeof(hello.listeners));
    return hello;
}

/* The hello waits in the channel before the child exists. */
static int child_spawn(struct supervisor *supervisor, struct child *child)
{
    struct proc_hello hello = hello_of(supervisor, child);
    struct fd_list list = { 0 };
    int pair[2];

    int r = proc_channel_pair(pair);
    if (r < 0)
        return r;
    SCOPED(fd_closep) int ours = pair[0];
    SCOPED(fd_closep) int theirs = pair[1];
    r = proc_channel_send_hello(ours, &hello);
    if (r < 0)
        return r;
    fd_add(&list, STDIN_FILENO, supervisor->null_fd);
    fd_add(&list, PROC_FD_CHANNEL, theirs);
    if (child->role == PROC_WORKER)
        fds_of_worker(supervisor, child->index, &list);
    else if (child->role == PROC_CONTROLLER)
        fds_of_controller(supervisor, &list);
    r = proc_spawn(child->role, supervisor->options->argv, list.items, list.len, &child->pid);
    if (r < 0)
        return r;
    child->channel = TAKE_FD(ours);
    return 0;
}

static void stats_note_start(struct supervisor *supervisor, const struct child *child)
{
    struct stats_page *page = supervisor->stats[child->index];

    __atomic_store_n(&page->starts, child->starts, __ATOMIC_RELAXED);
    __atomic_store_n(&page->started_wall_s, (uint64_t)clock_wall_s(), __ATOMIC_RELAXED);
    __atomic_store_n(&page->pid, (uint64_t)child->pid, __ATOMIC_RELAXED);
}

static void child_start(struct supervisor *supervisor, struct child *child)
{
    uint64_t now = now_ms();

    int r = child_spawn(supervisor, child);
    if (r < 0) {
        log_error("start_failed", F_STR("child", proc_role_name(child->role)),
                  F_UINT("index", child->index), F_ERRNO(r));
        child->restart_at_ms = now + BACKOFF_MAX_MS;
        return;
    }
    child->starts++;
    child->restart_at_ms = UINT64_MAX;
    child->is_ready = false;
    backoff_on_start(&child->backoff, now);
    log_debug("started", F_STR("child", proc_role_name(child->role)), F_UINT("index", child->index),
              F_INT("pid", child->pid));
    if (child->role == PROC_WORKER)
        stats_note_start(supervisor, child);
    handover_on_start(supervisor, child);
}

void children_start_due(struct supervisor *supervisor)
{
    uint64_t now = now_ms();

    if (supervisor->keeper.restart_at_ms <= now)
        child_start(supervisor, &supervisor->keeper);
    if (supervisor->controller.restart_at_ms <= now)
        child_start(supervisor, &supervisor->controller);
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        if (supervisor->workers[i].restart_at_ms <= now)
            child_start(supervisor, &supervisor->workers[i]);
    }
}

uint64_t children_deadline_ms(const struct supervisor *supervisor)
{
    uint64_t earliest = MIN(supervisor->controller.restart_at_ms, supervisor->keeper.restart_at_ms);

    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        earliest = MIN(earliest, supervisor->workers[i].restart_at_ms);
    return earliest;
}

struct child *children_find(struct supervisor *supervisor, pid_t pid)
{
    if (supervisor->controller.pid == pid)
        return &supervisor->controller;
    if (supervisor->keeper.pid == pid)
        return &supervisor->keeper;
    for (uint32_t i = 0; i < supervisor->options->workers; i++) {
        if (supervisor->workers[i].pid == pid)
            return &supervisor->workers[i];
    }
    return NULL;
}

uint32_t children_workers_running(const struct supervisor *supervisor)
{
    uint32_t running = 0;

    for (uint32_t i = 0; i < supervisor->options->workers; i++)
        running += supervisor->workers[i].pid != 0;
    return running;
}

static bool is_fault_signal(int number)
{
    static const int faults[] = { SIGSEGV, SIGABRT, SIGBUS, SIGSYS, SIGILL, SIGFPE };

    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        if (faults[i] == number)
            return true;
    }
    return false;
}

static void death_log(const struct child *child, int wait_status, uint32_t wait_ms,
                      bool is_expected)
{
    bool is_signal = WIFSIGNALED(wait_status);
    int number = is_signal ? WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    const char *name = is_signal ? sigabbrev_np(number) : NULL;

    log_at(is_expected ? LOG_INFO : LOG_ERROR, "child_ended",
           F_STR("child", proc_role_name(child->role)), F_UINT("index", child->index),
           F_INT("pid", child->pid), F_STR("by", is_signal ? "signal" : "exit"),
           F_INT("status", number), F_STR("signal", name ? name : "none"),
           F_UINT("restart_in_ms", wait_ms));
}

bool children_on_death(struct supervisor *supervisor, struct child *child, int wait_status)
{
    uint64_t now = now_ms();
    bool is_ending = !drain_wants_restart(&supervisor->drain, child->role);
    uint32_t wait_ms = backoff_on_death(&child->backoff, now);

    death_log(child, wait_status, is_ending ? 0 : wait_ms, is_ending);
    child->pid = 0;
    child->is_ready = false;
    child->died_at_ms = now;
    child->restart_at_ms = is_ending ? UINT64_MAX : now + wait_ms;
    fd_closep(&child->channel);
    child->channel = -1;
    if (child->role == PROC_WORKER)
        __atomic_store_n(&supervisor->stats[child->index]->pid, 0, __ATOMIC_RELAXED);
    return WIFSIGNALED(wait_status) && is_fault_signal(WTERMSIG(wait_status));
}

void children_kill(struct child *child, const char *reason)
{
    log_error("child_killed", F_STR("child", proc_role_name(child->role)),
              F_UINT("index", child->index), F_INT("pid", child->pid), F_STR("reason", reason));
    fd_closep(&child->channel);
    child->channel = -1;
    if (child->pid)
        kill(child->pid, SIGKILL);
}
