/* `yett echo`: a backend that answers with what it received, for tests and demonstrations. */
#include <errno.h>
#include <string.h>
#include <sys/resource.h>

#include "base/scope.h"
#include "cli/command.h"
#include "cli/echo_server.h"
#include "cli/output.h"
#include "cli/print.h"
#include "net/socket.h"

enum {
    ECHO_PORT = 9000,
    ECHO_BACKLOG = 1024,
    ECHO_ACCEPT_AGAIN_MS = 100,
};

struct echo_flags {
    struct option_port port;
    struct ip_addr address;
    struct span name;
    uint32_t output;
};

static const struct option options[] = {
    OPTION_HEADING("Flags"),
    OPTION_FLAG(struct echo_flags, "port", PORT, port, "PORT",
                "Where to listen (9000); 0 for a free port."),
    OPTION_FLAG(struct echo_flags, "address", ADDRESS, address, "ADDRESS",
                "Address of that port (127.0.0.1)."),
    OPTION_FLAG(struct echo_flags, "name", TEXT, name, "NAME", "What it calls itself (echo)."),
    OUTPUT_OPTION(struct echo_flags, output),
};
static const struct option_table table = { options, ARRAY_LEN(options) };

static void on_listener_events(struct loop_watch *watch, uint32_t events)
{
    struct echo_server *server = container_of(watch, struct echo_server, listener);
    struct net_peer peer;

    (void)events;
    for (;;) {
        int fd = socket_accept(watch->fd, &peer);

        if (fd == -EMFILE || fd == -ENFILE) { /* leave the queue alone until some are closed */
            (void)!loop_watch_change_level(server->loop, watch, 0);
            loop_timer_set(server->loop, &server->accept_again, ECHO_ACCEPT_AGAIN_MS);
            return;
        }
        if (fd < 0)
            return;
        echo_connection_start(server, fd);
    }
}

static void on_accept_again(struct loop_timer *timer)
{
    struct echo_server *server = container_of(timer, struct echo_server, accept_again);

    (void)!loop_watch_change_level(server->loop, &server->listener, LOOP_READ);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)!setrlimit(RLIMIT_NOFILE, &limit); /* it then makes do with fewer connections */
}

static void loop_freep(struct loop **loop)
{
    *loop = loop_free(*loop);
}

static int serve(const struct echo_flags *flags, int listener)
{
    SCOPED(loop_freep) struct loop *loop = NULL;
    struct echo_server server = {
        .name = flags->name,
        .always_json = flags->output == OUTPUT_JSON,
        .listener = { .fd = -1, .on_events = on_listener_events },
    };
    int r = loop_new(&loop);

    if (r == 0) {
        server.loop = loop;
        loop_timer_init(&server.accept_again, on_accept_again);
        r = loop_watch_add_level(loop, &server.listener, listener, LOOP_READ);
    }
    return r == 0 ? loop_run(loop) : r;
}

/* The line that says where; who asked for port 0 reads the port there. */
static bool tell_place(const struct echo_flags *flags, int listener)
{
    SCOPED(buf_deinit) struct buf line = { 0 };
    char address[IP_TEXT_MAX];
    uint16_t port = flags->port.number;

    (void)!socket_local_port(listener, &port);
    size_t len = ip_format(&flags->address, address);
    buf_printf(&line, SPAN_FMT " listens on ", SPAN_ARG(flags->name));
    buf_printf(&line, ip_is_v4(&flags->address) ? "%.*s:%u\n" : "[%.*s]:%u\n", (int)len, address,
               port);
    return print_result(&line, COMMAND_OK) == COMMAND_OK;
}

static int echo_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    struct echo_flags flags = { .port = { .number = ECHO_PORT }, .name = SPAN("echo") };
    int status;

    invariant(ip_parse(SPAN("127.0.0.1"), &flags.address));
    if (!command_parse(&command_echo, argc, argv, &flags, &words, &status))
        return status;
    if (words.operands.len > 0)
        return command_usage_error(&command_echo, "'%s' is one word too many",
                                   words.operands.items[0]);

    raise_descriptor_limit();
    SCOPED(fd_closep)
    int listener = socket_listen_tcp(&flags.address, flags.port.number, ECHO_BACKLOG);
    if (listener < 0) {
        print_error("echo: cannot listen on port %u: %s", flags.port.number, strerror(-listener));
        return COMMAND_FAILED;
    }
    if (!tell_place(&flags, listener))
        return COMMAND_FAILED;
    int r = serve(&flags, listener);
    print_error("echo: %s", strerror(-r));
    return COMMAND_FAILED;
}

const struct command command_echo = {
    .name = "echo",
    .usage = "echo [--port PORT] [--address ADDRESS] [--name NAME]",
    .summary = "a backend that answers with what it received, for tests and demonstrations",
    .help =
        "Answers every request with its method, target, headers and body, as text, or as JSON "
        "where\n"
        "Accept names application/json. Some paths ask for more:\n"
        "\n"
        "  /status/418     that status                /close          closes without an answer\n"
        "  /delay/250      after 250 milliseconds     /cut/1000       promises 1000 bytes, sends "
        "500\n"
        "  /bytes/1048576  that many bytes            /hints          103 Early Hints first\n"
        "  /chunked/5      5 chunks and a trailer     /drip/5/100     5 chunks, one every 100 ms\n"
        "\n"
        "Upgrade: echo opens a tunnel that sends back whatever comes.\n",
    .options = &table,
    .run = echo_run,
};
