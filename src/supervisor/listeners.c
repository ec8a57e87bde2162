#include "supervisor/listeners.h"

#include <string.h>

#include "base/log.h"
#include "base/scope.h"
#include "supervisor/bind.h"

struct flag_port {
    enum proc_listener_kind kind;
    const char *flag;
    struct bind_port port;
    bool is_off;
};

static void port_log(const char *flag, const struct bind_port *port, int r)
{
    char text[IP_TEXT_MAX] = { 0 };

    ip_format(&port->ip, text);
    if (r < 0)
        log_error("listen_failed", F_STR("flag", flag), F_STR("address", text),
                  F_UINT("port", port->number), F_ERRNO(r), F_STR("mend", bind_mend(r)));
    else
        log_info("listening", F_STR("flag", flag), F_STR("address", text),
                 F_UINT("port", port->number));
}

static void listeners_init(struct listeners *listeners, uint32_t workers_len)
{
    *listeners = (struct listeners){ .workers_len = workers_len };
    memset(listeners->fds, 0xff, sizeof(listeners->fds)); /* -1 everywhere */
}

static int listener_add(struct listeners *listeners, struct flag_port *wanted)
{
    int fds[PROC_WORKERS_MAX];

    int r = bind_open(&wanted->port, listeners->workers_len, fds);
    port_log(wanted->flag, &wanted->port, r);
    if (r < 0)
        return r;
    for (uint32_t worker = 0; worker < listeners->workers_len; worker++)
        listeners->fds[worker][listeners->len] = fds[worker];
    listeners->kinds[listeners->len++] =
        (struct proc_listener){ wanted->kind, wanted->port.number, 0 };
    return 0;
}

int listeners_open(const struct supervisor_options *options, struct listeners *ret_listeners)
{
    struct flag_port wanted[] = {
        { PROC_LISTEN_HTTP,
          "--http-port",
          { PROC_TCP, options->address, options->http_port },
          options->no_http },
        { PROC_LISTEN_HTTPS,
          "--https-port",
          { PROC_TCP, options->address, options->https_port },
          options->no_https },
        { PROC_LISTEN_HEALTH,
          "--healthz-port",
          { PROC_TCP, options->health_address, options->health_port },
          options->no_health },
    };
    struct listeners listeners;

    listeners_init(&listeners, options->workers);
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        int r = wanted[i].is_off ? 0 : listener_add(&listeners, &wanted[i]);
        if (r < 0) {
            listeners_close(&listeners);
            return r;
        }
    }
    *ret_listeners = listeners;
    return 0;
}

int listeners_open_webhook(const struct supervisor_options *options, int *ret_fd)
{
    struct bind_port port = { PROC_TCP, options->webhook_address, options->webhook_port };
    int r = bind_open(&port, 1, ret_fd);

    port_log("--validating-webhook", &port, r);
    return r;
}

void listeners_close(struct listeners *listeners)
{
    for (uint32_t worker = 0; worker < listeners->workers_len; worker++) {
        for (uint32_t i = 0; i < PROC_LISTENERS_MAX; i++) {
            fd_closep(&listeners->fds[worker][i]);
            listeners->fds[worker][i] = -1;
        }
    }
}
