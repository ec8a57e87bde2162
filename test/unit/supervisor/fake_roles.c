#include "fake_roles.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "proc/channel.h"
#include "proc/spawn.h"

static struct proc_hello hello;
static int hub;

static void require(bool condition)
{
    if (!condition)
        _exit(99);
}

static void hub_connect(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t len = strlen(name);

    hub = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    require(bind(hub, (struct sockaddr *)&address, sizeof(sa_family_t)) == 0); /* to be answered */
    memcpy(address.sun_path + 1, name, len);
    require(connect(hub, (struct sockaddr *)&address,
                    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) == 0);
}

static void report(struct fake_report what)
{
    what.role = hello.role;
    what.index = hello.worker_index;
    what.pid = getpid();
    what.hello = hello;
    require(send(hub, &what, sizeof(what), MSG_NOSIGNAL) == sizeof(what));
}

static uint64_t fds_open(void)
{
    uint64_t fds = 0;

    for (int fd = 0; fd < 64; fd++) {
        if (fd != hub && fcntl(fd, F_GETFD) != -1)
            fds |= 1ull << fd;
    }
    return fds;
}

static void say(enum proc_message_kind kind, uint64_t generation)
{
    struct proc_message message = { .kind = kind, .generation = generation, .result = -1 };

    require(proc_channel_send(PROC_FD_CHANNEL, &message) == 0);
}

/* Our images are a root and one segment of a byte. */
static char image_byte(const struct proc_message *message)
{
    char byte = 0;

    require(message->fds_len == 2 && pread(message->fds[1], &byte, 1, 0) == 1);
    return byte;
}

/* ---- worker ------------------------------------------------------------------------------------ */

static bool is_stubborn;
static uint64_t newest; /* generation of the image that came last */

static void on_image(const struct proc_message *message)
{
    char behaviour = image_byte(message);

    newest = message->generation;
    report((struct fake_report){ .kind = FAKE_IMAGE, .generation = message->generation });
    switch ((enum fake_image)behaviour) {
    case FAKE_STUBBORN:
        is_stubborn = true;
        say(PROC_TAKEN, message->generation);
        return;
    case FAKE_GOOD:
        say(PROC_TAKEN, message->generation);
        return;
    case FAKE_REFUSED:
        say(PROC_REFUSED, message->generation);
        return;
    case FAKE_CRASHES:
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
        return;
    case FAKE_HANGS:
    case FAKE_WAITS:
        return;
    }
}

static void serve_queue(void)
{
    for (uint32_t i = 0; i < hello.listeners_len; i++) {
        int listener = PROC_FD_FIRST + 1 + (int)i;

        for (;;) {
            int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
            if (connection == -1)
                break;
            require(write(connection, "w", 1) == 1);
            close(connection);
        }
    }
}

static void on_drain(const struct proc_message *message)
{
    report((struct fake_report){ .kind = FAKE_DRAIN,
                                 .value = (uint32_t)message->result,
                                 .value2 = (int32_t)message->time_ms });
    if (is_stubborn)
        return;
    for (int32_t waited_ms = 0; waited_ms <= message->result; waited_ms += 10) {
        serve_queue();
        nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
    }
    serve_queue();
    for (uint32_t i = 0; i < hello.listeners_len; i++)
        close(PROC_FD_FIRST + 1 + (int)i);
    say(PROC_DRAINED, 0);
    report((struct fake_report){ .kind = FAKE_LEAVING });
    _exit(0);
}

static void worker_on_channel(void)
{
    struct proc_message message;
    int r = proc_channel_receive(PROC_FD_CHANNEL, &message);

    if (r == -EPIPE)
        _exit(0);
    require(r == 0);
    if (message.kind == PROC_IMAGE)
        on_image(&message);
    else if (message.kind == PROC_DRAIN)
        on_drain(&message);
    proc_message_close_fds(&message);
}

static void worker_on_command(void)
{
    struct fake_command command;

    if (recv(hub, &command, sizeof(command), 0) != sizeof(command))
        _exit(98);
    if (command.generation == 0) {
        say(PROC_TAKEN, newest);
        return;
    }
    signal((int)command.generation, SIG_DFL);
    raise((int)command.generation);
}

static void worker_main(void)
{
    struct pollfd waits[2 + PROC_LISTENERS_MAX] = { { .fd = PROC_FD_CHANNEL, .events = POLLIN },
                                                    { .fd = hub, .events = POLLIN } };
    nfds_t len = 2;

    for (uint32_t i = 0; i < hello.listeners_len; i++)
        waits[len++] = (struct pollfd){ .fd = PROC_FD_FIRST + 1 + (int)i, .events = POLLIN };
    say(PROC_READY, 0);
    for (;;) {
        require(poll(waits, len, -1) > 0);
        if (waits[0].revents)
            worker_on_channel();
        if (waits[1].revents)
            worker_on_command();
        serve_queue();
    }
}

/* ---- controller -------------------------------------------------------------------------------- */

static int memfd_with(char byte)
{
    int fd = memfd_create("fake", MFD_CLOEXEC);

    require(fd != -1 && write(fd, &byte, 1) == 1);
    return fd;
}

static void publish(struct fake_command command)
{
    struct proc_message image = { .kind = PROC_PUBLISH,
                                  .generation = command.generation,
                                  .fds_len = 2 };
    image.fds[0] = memfd_with('x');
    image.fds[1] = memfd_with((char)command.image);
    require(proc_channel_send(PROC_FD_CHANNEL, &image) == 0);
    proc_message_close_fds(&image);
}

static void controller_on_command(void)
{
    struct fake_command command;

    if (recv(hub, &command, sizeof(command), 0) != sizeof(command))
        _exit(98);
    publish(command);
}

static void controller_on_channel(void)
{
    struct proc_message message;
    int r = proc_channel_receive(PROC_FD_CHANNEL, &message);

    if (r == -EPIPE)
        _exit(0);
    require(r == 0);
    report((struct fake_report){ .kind = FAKE_ANSWER,
                                 .value = message.kind,
                                 .value2 = message.result,
                                 .generation = message.generation,
                                 .image = message.fds_len ? (uint32_t)image_byte(&message) : 0 });
    proc_message_close_fds(&message);
}

static void controller_main(void)
{
    sigset_t term;

    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    struct pollfd waits[] = { { .fd = PROC_FD_CHANNEL, .events = POLLIN },
                              { .fd = hub, .events = POLLIN },
                              { .fd = signalfd(-1, &term, SFD_CLOEXEC), .events = POLLIN } };
    for (;;) {
        require(poll(waits, 3, -1) > 0);
        if (waits[2].revents) {
            report((struct fake_report){ .kind = FAKE_LEAVING });
            _exit(0);
        }
        if (waits[0].revents)
            controller_on_channel();
        if (waits[1].revents)
            controller_on_command();
    }
}

/* ---- keeper ------------------------------------------------------------------------------------ */

static void keeper_on_command(void)
{
    struct fake_command command;

    if (recv(hub, &command, sizeof(command), 0) != sizeof(command))
        _exit(98);
    if (command.generation && !command.image) {
        signal((int)command.generation, SIG_DFL);
        raise((int)command.generation);
    }
    if (command.generation)
        publish(command);
    say(PROC_READY, 0);
}

static void keeper_on_channel(void)
{
    struct proc_message message;
    int r = proc_channel_receive(PROC_FD_CHANNEL, &message);

    if (r == -EPIPE)
        _exit(0);
    require(r == 0 && message.kind == PROC_IMAGE);
    report((struct fake_report){
        .kind = FAKE_IMAGE, .generation = message.generation, .value = message.fds_len });
    proc_message_close_fds(&message);
    say(PROC_TAKEN, message.generation);
}

static void keeper_main(void)
{
    struct pollfd waits[] = { { .fd = PROC_FD_CHANNEL, .events = POLLIN },
                              { .fd = hub, .events = POLLIN } };

    for (;;) {
        require(poll(waits, 2, -1) > 0);
        if (waits[0].revents)
            keeper_on_channel();
        if (waits[1].revents)
            keeper_on_command();
    }
}

int fake_role_main(const char *hub_name)
{
    require(proc_inherit_take(&hello) == 0);
    hub_connect(hub_name);
    report((struct fake_report){ .kind = FAKE_UP, .fds = fds_open() });
    if (hello.role == PROC_WORKER)
        worker_main();
    if (hello.role == PROC_KEEPER)
        keeper_main();
    controller_main();
    return 0;
}
