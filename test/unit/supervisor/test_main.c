#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/log.h"
#include "fake_roles.h"
#include "proc/channel.h"
#include "supervisor/main.h"

/* The whole supervisor with fake roles: it runs in a child, its own children run this binary again. */

enum { WORKERS = 2, WAIT_MS = 20000, RESTART_MAX_MS = 500 };

struct peer {
    struct sockaddr_un address;
    socklen_t address_bytes;
};

static struct {
    char name[32];
    int socket;
    pid_t supervisor;
} hub;

static uint64_t now_ms(void)
{
    return clock_mono_ns() / 1000000;
}

static void hub_open(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    static unsigned serial;

    int len = snprintf(hub.name, sizeof(hub.name), "yett-test-%d-%u", getpid(), serial++);
    hub.socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(address.sun_path + 1, hub.name, (size_t)len);
    assert_int_equal(bind(hub.socket, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len)),
                     0);
}

/* What the keeper was given. */
static struct {
    unsigned count;
    uint64_t newest;
} kept;

static struct peer report_receive(struct fake_report *ret_report)
{
    struct pollfd wait = { .fd = hub.socket, .events = POLLIN };
    struct peer peer = { .address_bytes = sizeof(peer.address) };

    assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
    assert_int_equal(recvfrom(hub.socket, ret_report, sizeof(*ret_report), 0,
                              (struct sockaddr *)&peer.address, &peer.address_bytes),
                     sizeof(*ret_report));
    return peer;
}

/* Next report of any role, but for those of images given to the keeper, which come when they come. */
static struct peer report_next(struct fake_report *ret_report)
{
    struct peer peer = report_receive(ret_report);

    while (ret_report->role == PROC_KEEPER && ret_report->kind == FAKE_IMAGE) {
        assert_int_equal(ret_report->value, 1); /* of two descriptors, not the one with the keys */
        assert_true(ret_report->generation > kept.newest);
        kept.count++;
        kept.newest = ret_report->generation;
        peer = report_receive(ret_report);
    }
    return peer;
}

static void command_send(const struct peer *peer, struct fake_command command)
{
    assert_int_equal(sendto(hub.socket, &command, sizeof(command), MSG_NOSIGNAL,
                            (const struct sockaddr *)&peer->address, peer->address_bytes),
                     sizeof(command));
}

static struct peer expect(enum fake_report_kind kind, struct fake_report *ret_report)
{
    struct peer peer = report_next(ret_report);

    assert_int_equal(ret_report->kind, kind);
    return peer;
}

static void expect_image(uint32_t worker, uint64_t generation)
{
    struct fake_report report;

    expect(FAKE_IMAGE, &report);
    assert_int_equal(report.index, worker);
    assert_int_equal(report.generation, generation);
}

static void expect_answer(enum proc_message_kind kind, uint64_t generation, int32_t result)
{
    struct fake_report report;

    expect(FAKE_ANSWER, &report);
    assert_int_equal(report.value, kind);
    assert_int_equal(report.generation, generation);
    assert_int_equal(report.value2, result);
}

/* What a controller is told first. */
static void assert_resume(const struct fake_report *report, uint64_t generation, uint32_t image)
{
    assert_int_equal(report->kind, FAKE_ANSWER);
    assert_int_equal(report->value, PROC_RESUME);
    assert_int_equal(report->generation, generation);
    assert_int_equal(report->image, image);
}

static void expect_resume(uint64_t generation, uint32_t image)
{
    struct fake_report report;

    report_next(&report);
    assert_resume(&report, generation, image);
}

/* ---- the set-up -------------------------------------------------------------------------------- */

static struct supervisor_options options_default(void)
{
    struct supervisor_options options = {
        .workers = WORKERS, .drain_ms = 3000, .no_https = true, .no_health = true
    };

    assert_true(ip_parse(SPAN("127.0.0.1"), &options.address));
    options.health_address = options.address;
    return options;
}

struct role {
    struct peer peer;
    pid_t pid;
};

static struct {
    struct role controller, keeper, workers[WORKERS];
    uint16_t port;
} up;

static void role_note(const struct fake_report *report, struct peer peer)
{
    struct role role = { peer, report->pid };

    if (report->role == PROC_CONTROLLER)
        up.controller = role;
    else if (report->role == PROC_KEEPER)
        up.keeper = role;
    else
        up.workers[report->index] = role;
    if (report->role == PROC_WORKER && report->hello.listeners_len > 0)
        up.port = report->hello.listeners[0].port;
}

static void supervisor_start(struct supervisor_options *options)
{
    static char *argv[3];

    hub_open();
    argv[0] = (char *)"test_main";
    argv[1] = hub.name;
    options->argv = argv;
    hub.supervisor = fork();
    assert_int_not_equal(hub.supervisor, -1);
    if (hub.supervisor == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nobody behind */
        log_init(LOG_FORMAT_TEXT, LOG_INFO, "supervisor");
        _exit(supervisor_main(options));
    }
}

/* Starts and waits until all are there. */
static void gate_start(struct supervisor_options options)
{
    bool greeted = false;
    int ups = 0;

    memset(&up, 0, sizeof(up));
    supervisor_start(&options);
    while (ups < 1 + WORKERS || !greeted) {
        struct fake_report report;
        struct peer peer = report_next(&report);

        if (report.kind == FAKE_ANSWER) {
            assert_resume(&report, 0, 0);
            greeted = true;
            continue;
        }
        assert_int_equal(report.kind, FAKE_UP);
        role_note(&report, peer);
        ups++;
    }
}

static int supervisor_wait(void)
{
    int status;

    assert_int_equal(waitpid(hub.supervisor, &status, 0), hub.supervisor);
    hub.supervisor = 0;
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int teardown(void **state)
{
    (void)state;
    if (hub.supervisor) {
        kill(hub.supervisor, SIGKILL);
        waitpid(hub.supervisor, NULL, 0);
        hub.supervisor = 0;
    }
    while (waitpid(-1, NULL, 0) > 0) /* what it left behind ends by itself */
        continue;
    close(hub.socket);
    return 0;
}

static void publish(uint64_t generation, enum fake_image image)
{
    command_send(&up.controller.peer, (struct fake_command){ generation, image });
}

static void publish_good(uint64_t generation)
{
    publish(generation, FAKE_GOOD);
    for (uint32_t i = 0; i < WORKERS; i++)
        expect_image(i, generation);
    expect_answer(PROC_PUBLISHED, generation, 0);
}

static uint32_t expect_restart(const char *what)
{
    uint64_t begin_ms = now_ms();
    struct fake_report report;

    role_note(&report, expect(FAKE_UP, &report));
    print_message("%s is back after %u ms\n", what, (unsigned)(now_ms() - begin_ms));
    assert_true(now_ms() - begin_ms < RESTART_MAX_MS);
    return report.hello.starts;
}

static int client_connect(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_port = htons(up.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_not_equal(fd, -1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    close(fd);
    return -1;
}

static void client_expect_answer(int fd)
{
    char byte = 0;

    assert_int_not_equal(fd, -1);
    assert_int_equal(read(fd, &byte, 1), 1);
    assert_int_equal(byte, 'w');
    close(fd);
}

/* ---- the tests --------------------------------------------------------------------------------- */

static void test_roles_inherit_exactly_their_descriptors(void **state)
{
    struct supervisor_options options = options_default();

    (void)state;
    options.access_log = true;
    options.no_https = false;
    supervisor_start(&options);
    for (int i = 0; i < 1 + WORKERS;) {
        struct fake_report report;
        report_next(&report);
        if (report.kind != FAKE_UP)
            continue;
        if (report.role == PROC_WORKER) {
            assert_true(report.fds == 0x1df); /* 0-4, 6 counters, 7 and 8 listeners */
            assert_int_equal(report.hello.listeners_len, 2);
            assert_int_equal(report.hello.listeners[0].kind, PROC_LISTEN_HTTP);
            assert_int_equal(report.hello.listeners[1].kind, PROC_LISTEN_HTTPS);
            assert_int_not_equal(report.hello.listeners[0].port, report.hello.listeners[1].port);
        } else {
            assert_true(report.fds == 0xef); /* 0-3, 5 admin, 6 and 7 counters */
        }
        assert_int_equal(report.hello.workers_len, WORKERS);
        assert_int_equal(report.hello.starts, 1);
        assert_int_equal(report.hello.admin_name_len, 5);
        i++;
    }
}

static void test_descriptor_limit_is_raised_for_all(void **state)
{
    struct rlimit before, low, found;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    low = (struct rlimit){ .rlim_cur = 128, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    gate_start(options_default());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    const pid_t pids[] = { hub.supervisor, up.controller.pid, up.workers[0].pid };
    for (size_t i = 0; i < ARRAY_LEN(pids); i++) {
        assert_int_equal(prlimit(pids[i], RLIMIT_NOFILE, NULL, &found), 0);
        assert_int_equal(found.rlim_cur, before.rlim_max);
    }
}

static void test_killed_worker_is_replaced_and_its_queue_served(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    for (uint32_t i = 0; i < WORKERS; i++) {
        int clients[16];

        kill(up.workers[i].pid, SIGSTOP); /* what comes now stays in its queue */
        for (size_t c = 0; c < ARRAY_LEN(clients); c++)
            clients[c] = client_connect();
        kill(up.workers[i].pid, SIGKILL);
        assert_int_equal(expect_restart("worker"), 2);
        expect_image(i, 1);
        for (size_t c = 0; c < ARRAY_LEN(clients); c++)
            client_expect_answer(clients[c]);
    }
}

static void test_killed_controller_goes_on_counting(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(41);
    kill(up.controller.pid, SIGKILL);
    assert_int_equal(expect_restart("controller"), 2);
    expect_resume(41, FAKE_GOOD);
    publish_good(42);
    publish(42, FAKE_GOOD);
    expect_answer(PROC_REJECTED, 42, PROC_REJECT_REFUSED);
}

static void test_refused_image_reaches_one_worker_only(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    publish(2, FAKE_REFUSED);
    expect_image(0, 2);
    struct fake_report report;
    bool rejected = false, back = false;
    for (int i = 0; i < 2; i++) { /* of two processes: in either order */
        report_next(&report);
        rejected |= report.kind == FAKE_ANSWER && report.value == PROC_REJECTED &&
                    report.generation == 2 && report.value2 == PROC_REJECT_REFUSED;
        back |= report.kind == FAKE_IMAGE && report.index == 0 && report.generation == 1;
    }
    assert_true(rejected && back);
    publish_good(3);
}

/* Waits for the rejection and for worker 0 to be back with image 1, in any order. */
static void expect_rejection_and_restart(uint64_t generation, enum proc_reject reason)
{
    bool rejected = false, restored = false;

    while (!rejected || !restored) {
        struct fake_report report;
        struct peer peer = report_next(&report);

        if (report.kind == FAKE_UP)
            role_note(&report, peer);
        if (report.kind == FAKE_IMAGE) {
            assert_int_equal(report.index, 0);
            assert_int_equal(report.generation, 1);
            restored = true;
        }
        if (report.kind == FAKE_ANSWER) {
            assert_int_equal(report.value, PROC_REJECTED);
            assert_int_equal(report.generation, generation);
            assert_int_equal(report.value2, reason);
            rejected = true;
        }
    }
}

static void test_image_that_kills_is_rolled_back(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    publish(2, FAKE_CRASHES);
    expect_image(0, 2);
    expect_rejection_and_restart(2, PROC_REJECT_KILLED);
    publish_good(3);
}

static void image_take(uint32_t worker)
{
    command_send(&up.workers[worker].peer, (struct fake_command){ 0, 0 });
}

/* What it had published goes on without it, and its successor learns how that ended. */
static void test_controller_dies_in_the_middle_of_publishing(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    publish(2, FAKE_WAITS);
    expect_image(0, 2);
    kill(up.controller.pid, SIGKILL);
    assert_int_equal(expect_restart("controller"), 2);
    expect_resume(2, FAKE_GOOD); /* image 2 is counted, image 1 is served */
    image_take(0);
    expect_image(1, 2);
    image_take(1);
    expect_answer(PROC_PUBLISHED, 2, 0);
    publish_good(3);
}

/* Once is an accident, and the next worker is asked; the second time it is the image's fault. */
static void test_workers_die_between_image_and_taken(void **state)
{
    bool rejected = false;
    uint32_t killed = 0, restored = 0;

    (void)state;
    gate_start(options_default());
    publish_good(1);
    publish(2, FAKE_HANGS);
    while (!rejected || restored < WORKERS) {
        struct fake_report report;
        struct peer peer = report_next(&report);

        if (report.kind == FAKE_UP) {
            role_note(&report, peer);
        } else if (report.kind == FAKE_IMAGE && report.generation == 2) {
            assert_int_equal(report.index, killed);
            kill(report.pid, SIGKILL);
            killed++;
        } else if (report.kind == FAKE_IMAGE) {
            assert_int_equal(report.generation, 1);
            restored++;
        } else {
            assert_int_equal(report.kind, FAKE_ANSWER);
            assert_int_equal(report.value, PROC_REJECTED);
            assert_int_equal(report.generation, 2);
            assert_int_equal(report.value2, PROC_REJECT_KILLED);
            rejected = true;
        }
    }
    assert_int_equal(killed, 2);
    publish_good(3);
}

static size_t descriptors_of(pid_t pid)
{
    char path[64];
    size_t count = 0;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    DIR *dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* The supervisor answers first, and closes what it needs no more then. */
static void expect_descriptors(size_t count)
{
    uint64_t end_ms = now_ms() + WAIT_MS;

    while (descriptors_of(hub.supervisor) != count && now_ms() < end_ms)
        sched_yield();
    assert_int_equal(descriptors_of(hub.supervisor), count);
}

static void test_descriptors_do_not_pile_up(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    size_t with_one = descriptors_of(hub.supervisor);
    publish_good(2); /* from now on there is one to go back to: two descriptors more */
    size_t before = with_one + 2;
    expect_descriptors(before);
    for (uint64_t generation = 3; generation <= 1000; generation++)
        publish_good(generation);
    expect_descriptors(before);
    publish(1000, FAKE_GOOD); /* and one that is not taken in */
    expect_answer(PROC_REJECTED, 1000, PROC_REJECT_REFUSED);
    expect_descriptors(before);
}

static void test_image_that_hangs_is_rolled_back(void **state)
{
    (void)state;
    gate_start(options_default());
    publish_good(1);
    uint64_t begin_ms = now_ms();
    publish(2, FAKE_HANGS);
    expect_image(0, 2);
    expect_rejection_and_restart(2, PROC_REJECT_TIMED_OUT);
    assert_true(now_ms() - begin_ms >= 5000);
    publish_good(3);
}

static void worker_crash(uint32_t index, uint64_t restored)
{
    command_send(&up.workers[index].peer, (struct fake_command){ SIGSEGV, 0 });
    expect_restart("crashed worker");
    expect_image(index, restored);
}

static void test_crash_loop_falls_back_to_the_image_before(void **state)
{
    bool rejected = false;
    int old_images = 0;

    (void)state;
    gate_start(options_default());
    publish_good(1);
    publish_good(2);
    worker_crash(0, 2);
    worker_crash(1, 2);
    command_send(&up.workers[0].peer, (struct fake_command){ SIGSEGV, 0 });
    while (!rejected || old_images < WORKERS) {
        struct fake_report report;

        report_next(&report);
        old_images += report.kind == FAKE_IMAGE && report.generation == 1;
        rejected |= report.kind == FAKE_ANSWER && report.value == PROC_REJECTED &&
                    report.generation == 2 && report.value2 == PROC_REJECT_KILLED;
    }
}

static void test_drain_serves_through_the_grace_and_ends_in_order(void **state)
{
    struct supervisor_options options = options_default();
    struct fake_report report;

    (void)state;
    options.grace_ms = 300;
    gate_start(options);
    publish_good(1);
    uint64_t begin_ms = now_ms();
    kill(hub.supervisor, SIGTERM);
    for (int i = 0; i < WORKERS; i++) {
        expect(FAKE_DRAIN, &report);
        assert_in_range(report.value, 200, 300);
        assert_int_equal(report.value2, 3000);
    }
    while (now_ms() - begin_ms < 150) /* before our copies close: served, never reset */
        client_expect_answer(client_connect());
    for (int i = 0; i < WORKERS; i++) {
        expect(FAKE_LEAVING, &report);
        assert_int_equal(report.role, PROC_WORKER);
    }
    expect(FAKE_LEAVING, &report);
    assert_int_equal(report.role, PROC_CONTROLLER);
    assert_int_equal(supervisor_wait(), 0);
    assert_true(now_ms() - begin_ms < 3000);
    assert_int_equal(client_connect(), -1);
}

static void drain_stubborn(uint32_t drain_ms)
{
    struct supervisor_options options = options_default();
    struct fake_report report;

    options.drain_ms = drain_ms;
    gate_start(options);
    publish(1, FAKE_STUBBORN);
    expect_image(0, 1);
    expect_image(1, 1);
    expect_answer(PROC_PUBLISHED, 1, 0);
    kill(hub.supervisor, SIGTERM);
    expect(FAKE_DRAIN, &report);
    expect(FAKE_DRAIN, &report);
}

static void test_drain_ends_at_its_limit(void **state)
{
    struct fake_report report;
    uint64_t begin_ms = now_ms();

    (void)state;
    drain_stubborn(400);
    expect(FAKE_LEAVING, &report);
    assert_int_equal(report.role, PROC_CONTROLLER);
    assert_int_equal(supervisor_wait(), 1);
    assert_true(now_ms() - begin_ms >= 400);
}

static void test_second_signal_ends_at_once(void **state)
{
    uint64_t begin_ms = now_ms();

    (void)state;
    drain_stubborn(60000);
    kill(hub.supervisor, SIGINT);
    assert_int_equal(supervisor_wait(), 1);
    assert_true(now_ms() - begin_ms < WAIT_MS);
}

static void test_hangup_is_ignored(void **state)
{
    (void)state;
    gate_start(options_default());
    kill(hub.supervisor, SIGHUP);
    publish_good(1);
}

static void test_children_end_with_their_supervisor(void **state)
{
    pid_t stopped;
    int status;

    (void)state;
    gate_start(options_default());
    stopped = up.workers[0].pid;
    kill(stopped, SIGSTOP); /* one that cannot see its channel end */
    kill(hub.supervisor, SIGKILL);
    assert_int_equal(waitpid(hub.supervisor, NULL, 0), hub.supervisor);
    hub.supervisor = 0;
    for (int i = 0; i < 1 + WORKERS; i++) { /* orphans of ours: we are their subreaper */
        pid_t pid = waitpid(-1, &status, 0);

        assert_int_not_equal(pid, -1);
        if (pid == stopped)
            assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    }
    assert_int_equal(waitpid(-1, &status, 0), -1);
}

/* ---- the keeper -------------------------------------------------------------------------------- */

/* Until all but the controller are there. */
static void gate_start_with_keeper(void)
{
    struct supervisor_options options = options_default();

    options.keeps_state = true;
    memset(&up, 0, sizeof(up));
    memset(&kept, 0, sizeof(kept));
    supervisor_start(&options);
    for (int ups = 0; ups < 1 + WORKERS; ups++) {
        struct fake_report report;
        struct peer peer = expect(FAKE_UP, &report);

        assert_int_not_equal(report.role, PROC_CONTROLLER);
        if (report.role == PROC_KEEPER)
            assert_int_equal(report.fds, 1 << PROC_FD_CHANNEL | 7); /* and the standard ones */
        role_note(&report, peer);
    }
}

static void keeper_found(uint64_t generation, enum fake_image image)
{
    command_send(&up.keeper.peer, (struct fake_command){ generation, image });
}

static void expect_controller(uint64_t generation, uint32_t image)
{
    struct fake_report report;
    struct peer peer = expect(FAKE_UP, &report);

    assert_int_equal(report.role, PROC_CONTROLLER);
    role_note(&report, peer);
    expect_resume(generation, image);
}

static void kept_wait(uint64_t generation)
{
    while (kept.newest != generation) {
        struct pollfd wait = { .fd = hub.socket, .events = POLLIN };
        struct fake_report report;

        assert_int_equal(poll(&wait, 1, WAIT_MS), 1);
        report_receive(&report);
        assert_int_equal(report.role, PROC_KEEPER);
        assert_int_equal(report.kind, FAKE_IMAGE);
        assert_int_equal(report.value, 1);
        kept.count++;
        kept.newest = report.generation;
    }
}

static void test_found_image_is_served_before_the_controller_starts(void **state)
{
    (void)state;
    gate_start_with_keeper();
    keeper_found(7, FAKE_GOOD);
    for (uint32_t i = 0; i < WORKERS; i++)
        expect_image(i, 7);
    expect_controller(7, FAKE_GOOD);
    assert_int_equal(kept.count, 0); /* it is there already */
    publish_good(8);
    kept_wait(8);
}

static void test_nothing_found(void **state)
{
    (void)state;
    gate_start_with_keeper();
    keeper_found(0, 0);
    expect_controller(0, 0);
    publish_good(1);
    kept_wait(1);
}

static void test_found_image_is_refused(void **state)
{
    (void)state;
    gate_start_with_keeper();
    keeper_found(7, FAKE_REFUSED);
    expect_image(0, 7);
    expect_controller(7, 0);
    publish_good(8);
    kept_wait(8);
}

/* What the reader died of is not read again, and nobody waits for it. */
static void test_keeper_dies_of_what_it_found(void **state)
{
    struct fake_report report;

    (void)state;
    gate_start_with_keeper();
    keeper_found(SIGSEGV, 0);
    bool has_keeper = false, has_controller = false;
    while (!has_keeper || !has_controller) {
        struct peer peer = report_next(&report);
        if (report.kind == FAKE_ANSWER) {
            assert_resume(&report, 0, 0);
            has_controller = true;
            continue;
        }
        assert_int_equal(report.kind, FAKE_UP);
        has_keeper |= report.role == PROC_KEEPER;
        assert_true(report.role != PROC_KEEPER || report.hello.starts == 2);
        role_note(&report, peer);
    }
    publish_good(1);
    assert_int_equal(kept.count, 0);
    keeper_found(0, 0);
    kept_wait(1);
}

/* Of images that follow one another fast, few are written, the last among them; the end waits for it. */
static void test_few_of_many_images_are_kept(void **state)
{
    uint64_t begin_ms = now_ms();
    struct fake_report report;

    (void)state;
    gate_start_with_keeper();
    keeper_found(0, 0);
    expect_controller(0, 0);
    for (uint64_t generation = 1; generation <= 20; generation++)
        publish_good(generation);
    /* None so far, where the keeper had no turn yet. */
    assert_in_range(kept.count, 0, 1 + (now_ms() - begin_ms) / 1000);
    kill(hub.supervisor, SIGTERM);
    for (int leaving = 0; leaving < WORKERS + 1;) {
        report_next(&report);
        leaving += report.kind == FAKE_LEAVING;
    }
    kept_wait(20);
    assert_int_equal(supervisor_wait(), 0);
}

static void test_taken_port_is_an_error(void **state)
{
    struct supervisor_options options = options_default();
    struct sockaddr_in address = { .sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t address_bytes = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;

    (void)state;
    /* Even where the other one would share it. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &address_bytes), 0);
    options.http_port = ntohs(address.sin_port);
    supervisor_start(&options);
    assert_int_equal(supervisor_wait(), 1);
    close(fd);
}

int main(int argc, char **argv)
{
    if (proc_role_self() != PROC_SUPERVISOR)
        return fake_role_main(argc > 1 ? argv[1] : "");

    prctl(PR_SET_CHILD_SUBREAPER, 1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_roles_inherit_exactly_their_descriptors, teardown),
        cmocka_unit_test_teardown(test_descriptor_limit_is_raised_for_all, teardown),
        cmocka_unit_test_teardown(test_killed_worker_is_replaced_and_its_queue_served, teardown),
        cmocka_unit_test_teardown(test_killed_controller_goes_on_counting, teardown),
        cmocka_unit_test_teardown(test_refused_image_reaches_one_worker_only, teardown),
        cmocka_unit_test_teardown(test_image_that_kills_is_rolled_back, teardown),
        cmocka_unit_test_teardown(test_controller_dies_in_the_middle_of_publishing, teardown),
        cmocka_unit_test_teardown(test_workers_die_between_image_and_taken, teardown),
        cmocka_unit_test_teardown(test_descriptors_do_not_pile_up, teardown),
        cmocka_unit_test_teardown(test_image_that_hangs_is_rolled_back, teardown),
        cmocka_unit_test_teardown(test_crash_loop_falls_back_to_the_image_before, teardown),
        cmocka_unit_test_teardown(test_drain_serves_through_the_grace_and_ends_in_order, teardown),
        cmocka_unit_test_teardown(test_drain_ends_at_its_limit, teardown),
        cmocka_unit_test_teardown(test_second_signal_ends_at_once, teardown),
        cmocka_unit_test_teardown(test_hangup_is_ignored, teardown),
        cmocka_unit_test_teardown(test_children_end_with_their_supervisor, teardown),
        cmocka_unit_test_teardown(test_found_image_is_served_before_the_controller_starts,
                                  teardown),
        cmocka_unit_test_teardown(test_nothing_found, teardown),
        cmocka_unit_test_teardown(test_found_image_is_refused, teardown),
        cmocka_unit_test_teardown(test_keeper_dies_of_what_it_found, teardown),
        cmocka_unit_test_teardown(test_few_of_many_images_are_kept, teardown),
        cmocka_unit_test_teardown(test_taken_port_is_an_error, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
