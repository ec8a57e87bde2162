#include "api/exec_run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/scope.h"

extern char **environ;

struct exec_pipe {
    struct loop_watch watch;
    struct api_exec_run *run;
    struct buf bytes;
    size_t max;   /* what is over is read and dropped */
    bool is_over; /* something was */
};

struct api_exec_run {
    struct loop *loop;
    pid_t pid; /* leader of a process group of its own; 0: reaped */
    struct exec_pipe out, err;
    struct loop_watch exit_watch;
    struct loop_timer timer;
    uint32_t limit_ms;
    api_exec_done_fn *on_done;
    void *ctx;
};

/* ---- the end -------------------------------------------------------------------------------------- */

static void watch_close(struct loop *loop, struct loop_watch *watch)
{
    int fd = watch->fd;

    loop_watch_remove(loop, watch);
    fd_closep(&fd);
}

static void pipe_drain(struct exec_pipe *pipe)
{
    char bytes[4096];

    while (pipe->watch.fd >= 0) {
        ssize_t n = read(pipe->watch.fd, bytes, sizeof(bytes));
        if (n == -1 && errno == EINTR)
            continue;
        if (n == -1 && errno == EAGAIN)
            return;
        if (n <= 0) {
            watch_close(pipe->run->loop, &pipe->watch);
            return;
        }
        size_t room = pipe->max - pipe->bytes.len;
        pipe->is_over |= (size_t)n > room;
        buf_append(&pipe->bytes, span_upto(span_of(bytes, (size_t)n), room));
        if (pipe->is_over && pipe == &pipe->run->out)
            return; /* level-triggered: what goes on for ever does not keep the loop */
    }
}

/* Closes all; the process is gone. */
static void run_close(struct api_exec_run *run)
{
    watch_close(run->loop, &run->out.watch);
    watch_close(run->loop, &run->err.watch);
    watch_close(run->loop, &run->exit_watch);
    loop_timer_cancel(&run->timer);
}

static void run_kill(struct api_exec_run *run)
{
    if (run->pid == 0)
        return;
    kill(-run->pid, SIGKILL);
    while (waitpid(run->pid, NULL, 0) == -1 && errno == EINTR)
        ;
    run->pid = 0;
}

/* The first line of what it said on standard error, after `error`. */
static void complaint_append(const struct api_exec_run *run, struct buf *error)
{
    struct span said = buf_span(&run->err.bytes), line;

    while (span_split(&said, '\n', &line)) {
        line = span_trim(line);
        if (line.len == 0)
            continue;
        buf_append(error, SPAN(": "));
        for (size_t i = 0; i < line.len; i++)
            buf_append_byte(error, (unsigned char)line.ptr[i] < ' ' ? ' ' : line.ptr[i]);
        return;
    }
}

static void run_fail(struct api_exec_run *run, struct buf *error)
{
    complaint_append(run, error);
    run_kill(run);
    run_close(run);
    run->on_done(run->ctx, false, SPAN_EMPTY, buf_span(error));
    buf_deinit(error);
}

static void run_end(struct api_exec_run *run, int status)
{
    struct buf error = { 0 };

    if (run->out.is_over)
        buf_printf(&error, "it wrote more than %d bytes", EXEC_OUTPUT_MAX);
    else if (WIFSIGNALED(status))
        buf_printf(&error, "it was ended by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) != 0)
        buf_printf(&error, "it ended with status %d", WEXITSTATUS(status));
    if (error.len > 0) {
        run_fail(run, &error);
        return;
    }
    run_close(run);
    run->on_done(run->ctx, true, buf_span(&run->out.bytes), SPAN_EMPTY);
}

static void on_exit_event(struct loop_watch *watch, uint32_t events)
{
    struct api_exec_run *run = container_of(watch, struct api_exec_run, exit_watch);
    int status;

    (void)events;
    pid_t pid = waitpid(run->pid, &status, WNOHANG);
    if (pid == 0)
        return;
    kill(-run->pid, SIGKILL); /* what it left behind */
    run->pid = 0;
    pipe_drain(&run->out);
    pipe_drain(&run->err);
    run_end(run, pid == -1 ? 0xff00 : status);
}

static void on_pipe_events(struct loop_watch *watch, uint32_t events)
{
    struct exec_pipe *pipe = container_of(watch, struct exec_pipe, watch);
    struct api_exec_run *run = pipe->run;
    struct buf error = { 0 };

    (void)events;
    pipe_drain(pipe);
    if (!run->out.is_over)
        return;
    buf_printf(&error, "it wrote more than %d bytes", EXEC_OUTPUT_MAX);
    run_fail(run, &error);
}

static void on_time_limit(struct loop_timer *timer)
{
    struct api_exec_run *run = container_of(timer, struct api_exec_run, timer);
    struct buf error = { 0 };

    pipe_drain(&run->err);
    buf_printf(&error, "it did not end within %u ms", run->limit_ms);
    run_fail(run, &error);
}

/* ---- the start ------------------------------------------------------------------------------------ */

static bool env_names(const char *entry, struct span name)
{
    size_t len = strcspn(entry, "=");

    return span_eq(span_of(entry, len), name);
}

static bool env_is_set_by(const struct api_exec *exec, const char *entry)
{
    if (env_names(entry, SPAN("KUBERNETES_EXEC_INFO")))
        return true;
    vec_for_each (env, &exec->env) {
        if (env_names(entry, env->name))
            return true;
    }
    return false;
}

/* Ours, what the kubeconfig sets, and the info. Pointers last, for the arena does not move. */
static char **environment_new(struct arena *arena, const struct api_exec *exec, struct span info)
{
    size_t ours = 0, len = 0;

    while (environ && environ[ours])
        ours++;
    char **all = arena_new_array(arena, char *, ours + exec->env.len + 2);
    for (size_t i = 0; i < ours; i++) {
        if (!env_is_set_by(exec, environ[i]))
            all[len++] = environ[i];
    }
    vec_for_each (env, &exec->env)
        all[len++] = (char *)arena_printf(arena, SPAN_FMT "=" SPAN_FMT, SPAN_ARG(env->name),
                                          SPAN_ARG(env->value))
                         .ptr;
    all[len] = (char *)arena_printf(arena, "KUBERNETES_EXEC_INFO=" SPAN_FMT, SPAN_ARG(info)).ptr;
    return all;
}

static char **arguments_new(struct arena *arena, const struct api_exec *exec)
{
    size_t len = 0;
    char **all = arena_new_array(arena, char *, exec->args.len + 2);

    all[len++] = (char *)exec->command.ptr;
    vec_for_each (arg, &exec->args)
        all[len++] = (char *)arg->ptr;
    return all;
}

/* The child: no input, its own process group, signals as a program expects them, no descriptor of ours. */
static int spawn(const char *command, char **args, char **environment, int out_fd, int err_fd,
                 pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&actions, err_fd, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                              POSIX_SPAWN_SETPGROUP);
    int r = posix_spawnp(ret_pid, command, &actions, &attributes, args, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -r;
}

static int pipe_open(struct exec_pipe *pipe, int *ret_write_fd)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) == -1)
        return -errno;
    *ret_write_fd = fds[1];
    if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1) {
        close(fds[0]);
        return -errno;
    }
    int r = loop_watch_add_level(pipe->run->loop, &pipe->watch, fds[0], LOOP_READ);
    if (r < 0)
        close(fds[0]);
    return r;
}

static int run_spawn(struct api_exec_run *run, const struct api_exec *exec, struct span info)
{
    SCOPED(fd_closep) int out_fd = -1;
    SCOPED(fd_closep) int err_fd = -1;
    struct arena arena;

    int r = pipe_open(&run->out, &out_fd);
    if (r == 0)
        r = pipe_open(&run->err, &err_fd);
    if (r < 0)
        return r;
    arena_init(&arena, 4096);
    r = spawn(exec->command.ptr, arguments_new(&arena, exec), environment_new(&arena, exec, info),
              out_fd, err_fd, &run->pid);
    arena_deinit(&arena);
    if (r < 0) {
        run->pid = 0;
        return r;
    }
    int pid_fd = pidfd_open(run->pid, 0);
    if (pid_fd == -1)
        return -errno;
    r = loop_watch_add_level(run->loop, &run->exit_watch, pid_fd, LOOP_READ);
    if (r < 0)
        close(pid_fd);
    return r;
}

static struct api_exec_run *run_new(struct loop *loop, api_exec_done_fn *on_done, void *ctx)
{
    struct api_exec_run *run = mem_alloc_zero(sizeof(*run));

    run->loop = loop;
    run->on_done = on_done;
    run->ctx = ctx;
    run->out = (struct exec_pipe){ .watch = { .fd = -1, .on_events = on_pipe_events },
                                   .run = run,
                                   .max = EXEC_OUTPUT_MAX };
    run->err = run->out;
    run->err.max = EXEC_STDERR_MAX;
    run->exit_watch = (struct loop_watch){ .fd = -1, .on_events = on_exit_event };
    loop_timer_init(&run->timer, on_time_limit);
    return run;
}

int api_exec_run_start(struct loop *loop, const struct api_exec *exec, struct span info,
                       api_exec_done_fn *on_done, void *ctx, struct api_exec_run **ret_run,
                       struct buf *error)
{
    struct api_exec_run *run = run_new(loop, on_done, ctx);

    int r = run_spawn(run, exec, info);
    if (r < 0) {
        buf_printf(error, "it cannot be started: %s", strerror(-r));
        if (r == -ENOENT && exec->install_hint.len > 0)
            buf_printf(error, "; " SPAN_FMT, SPAN_ARG(exec->install_hint));
        api_exec_run_free(run);
        return r;
    }
    api_exec_run_set_limit(run, EXEC_RUN_MS);
    *ret_run = run;
    return 0;
}

void api_exec_run_set_limit(struct api_exec_run *run, uint32_t limit_ms)
{
    run->limit_ms = limit_ms;
    loop_timer_cancel(&run->timer);
    loop_timer_set(run->loop, &run->timer, limit_ms);
}

struct api_exec_run *api_exec_run_free(struct api_exec_run *run)
{
    if (!run)
        return NULL;
    run_kill(run);
    run_close(run);
    buf_deinit(&run->out.bytes);
    buf_deinit(&run->err.bytes);
    loop_defer_free(run->loop, run);
    return NULL;
}
