#include "keeper/main.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/scope.h"
#include "image/publish.h"
#include "image/view.h"
#include "keeper/format.h"
#include "keeper/load.h"
#include "keeper/publish.h"
#include "keeper/save.h"
#include "proc/channel.h"
#include "proc/sandbox.h"
#include "proc/title.h"

/* A process of its own for two reasons: a disk that is slow, or hangs, blocks whoever writes to it; and
 * what lies on a disk may be damaged in ways that a reader dies of. The supervisor sends one image at a
 * time and waits for the answer, so nothing piles up here. */

static_assert(PROC_AT_SECRETS == 1 + IMAGE_AT_SECRETS, "what is left out of an image sent here");

struct keeper {
    const char *path;
    uint64_t flags;
    int dir, lock; /* -1: not open */
    struct save save;
    int trouble; /* what has been logged: -errno, 0: none */
};

/* ---- the directory ----------------------------------------------------------------------------
 */

/* From then on this process reaches no other file. */
static int dir_open(struct keeper *keeper)
{
    if (keeper->dir >= 0)
        return 0;
    if (mkdir(keeper->path, 0700) == -1 && errno != EEXIST)
        return -errno;
    SCOPED(fd_closep) int dir = open(keeper->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir == -1)
        return -errno;
    int r = proc_sandbox_files_below(dir);
    if (r < 0)
        return r;
    keeper->dir = TAKE_FD(dir);
    return 0;
}

/* Two that keep their images in one directory would delete each other's. */
static int dir_lock(struct keeper *keeper)
{
    if (keeper->lock >= 0)
        return 0;
    SCOPED(fd_closep)
    int lock = openat(keeper->dir, STATE_LOCK,
                      O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (lock == -1)
        return -errno;
    if (flock(lock, LOCK_EX | LOCK_NB) == -1)
        return -errno;
    keeper->lock = TAKE_FD(lock);
    return 0;
}

/* ---- saving -----------------------------------------------------------------------------------
 */

/* Once for each kind of trouble: it is tried again and again. */
static void outcome_log(struct keeper *keeper, int r)
{
    if (r == keeper->trouble)
        return;
    keeper->trouble = r;
    if (r == 0)
        log_info("state_kept_again", F_STR("dir", keeper->path));
    else if (r == -EWOULDBLOCK)
        log_warn("state_not_kept", F_STR("dir", keeper->path),
                 F_STR("because", "another yett keeps its state there"),
                 F_STR("mend", "give each a --state-dir of its own"));
    else
        log_warn("state_not_kept", F_STR("dir", keeper->path), F_ERRNO(r),
                 F_STR("mend", "make room for, or let the user of yett write to, --state-dir; "
                               "traffic does not need it"));
}

static int image_keep(struct keeper *keeper, const struct proc_message *image)
{
    int r = dir_open(keeper);

    if (r == 0)
        r = dir_lock(keeper);
    if (r == 0)
        r = save_image(&keeper->save, keeper->dir, image->fds, image->fds_len);
    outcome_log(keeper, r);
    if (r == 0)
        log_debug("state_kept", F_UINT("image", image->generation));
    return r;
}

/* ---- the start --------------------------------------------------------------------------------
 */

static int send_loaded(const struct loaded *loaded)
{
    SCOPED(image_view_unrefp) struct image_view *view = NULL;
    struct proc_message publish;

    int r = image_view_open(&loaded->fds, NULL, &view);
    if (r != IMAGE_OPEN_OK)
        return r < 0 ? r : -EBADMSG;
    publish_message(&loaded->fds, view, &publish);
    return proc_channel_send(PROC_FD_CHANNEL, &publish);
}

static void loaded_use(struct keeper *keeper, struct loaded *loaded, uint64_t since_ns)
{
    int r = send_loaded(loaded);

    image_fds_close(&loaded->fds);
    if (r < 0) {
        log_error("state_not_sent", F_ERRNO(r));
        return;
    }
    keeper->save.kept = loaded->on_disk;
    log_info("state_loaded", F_UINT("image", loaded->generation),
             F_UINT("took_us", (clock_mono_ns() - since_ns) / 1000),
             F_STR("keys", "none are kept: HTTPS has the generated certificate until the Secrets "
                           "are read again"));
}

/* Whatever is wrong with what was kept: the start is as it would be without. */
static void start(struct keeper *keeper)
{
    uint64_t since_ns = clock_mono_ns();
    struct loaded loaded;
    const char *what = NULL;
    int r = dir_open(keeper);

    if (r < 0) {
        outcome_log(keeper, r);
        return;
    }
    r = load_image(keeper->dir, keeper->flags, &loaded, &what);
    if (r < 0)
        log_warn("state_not_loaded", F_STR("dir", keeper->path), F_ERRNO(r));
    else if (r == LOAD_OK)
        loaded_use(keeper, &loaded, since_ns);
    else if (r != LOAD_NOTHING)
        log_warn("state_refused", F_STR("dir", keeper->path), F_STR("because", what));
}

/* ---- the channel ------------------------------------------------------------------------------
 */

static int answer(enum proc_message_kind kind, uint64_t generation, int result)
{
    struct proc_message message = { .kind = kind, .generation = generation, .result = result };

    return proc_channel_send(PROC_FD_CHANNEL, &message);
}

static int on_message(struct keeper *keeper, const struct proc_message *message)
{
    if (message->kind != PROC_IMAGE)
        return -EPROTO;
    int r = image_keep(keeper, message);
    return answer(r == 0 ? PROC_TAKEN : PROC_REFUSED, message->generation, r);
}

/* Until the supervisor closes its end: -EPIPE. */
static int serve(struct keeper *keeper)
{
    struct pollfd channel = { .fd = PROC_FD_CHANNEL, .events = POLLIN };
    struct proc_message message;
    int r = answer(PROC_READY, 0, 0);

    while (r == 0) {
        if (poll(&channel, 1, -1) == -1 && errno != EINTR)
            return -errno;
        r = proc_channel_receive(PROC_FD_CHANNEL, &message);
        if (r == -EAGAIN) {
            r = 0;
            continue;
        }
        if (r == 0) {
            r = on_message(keeper, &message);
            proc_message_close_fds(&message);
        }
    }
    return r;
}

int keeper_main(const struct keeper_options *options)
{
    struct keeper keeper = {
        .path = options->state_dir,
        .flags = options->flags,
        .dir = -1,
        .lock = -1,
        .save.flags = options->flags,
    };
    struct proc_hello hello;

    int r = proc_inherit_take(&hello);
    proc_title_set("yett: keeper");
    if (r == 0)
        r = proc_sandbox_enter(PROC_KEEPER, SANDBOX_NOTHING);
    if (r == 0) {
        if (hello.starts == 1) /* one that the reader died of is not read again */
            start(&keeper);
        r = serve(&keeper);
    }
    fd_closep(&keeper.dir);
    fd_closep(&keeper.lock);
    if (r == -EPIPE || r == -ECONNRESET)
        return EXIT_SUCCESS;
    log_error("keeper_failed", F_ERRNO(r));
    return EXIT_FAILURE;
}
