/* `yett run`: flags → the options of the roles. Every role is this very program with the same
 * command line (proc/inherit.h), so all of them read the flags anew; only the supervisor, which a
 * person started, says what it thinks of them. */
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/scope.h"
#include "cli/command.h"
#include "cli/meaning.h"
#include "cli/names.h"
#include "cli/print.h"
#include "cli/writing.h"
#include "control/main.h"
#include "keeper/main.h"
#include "proc/inherit.h"
#include "proc/spawn.h"
#include "proxy/main.h"
#include "supervisor/main.h"

enum {
    RUN_HTTP_PORT = 80,
    RUN_HTTPS_PORT = 443,
    RUN_HEALTH_PORT = 10254,
    RUN_DRAIN_MS = 240 * 1000, /* worker-shutdown-timeout of ingress-nginx */
    RUN_VERBOSITY_DEBUG = 3,
};

enum run_secrets { RUN_SECRETS_BY_NAME, RUN_SECRETS_CLUSTER }; /* as --watch-secrets' choices */

enum run_switch {
    RUN_ON,
    RUN_OFF,
    RUN_TRUE,
    RUN_FALSE
}; /* in the order of --access-log's choices */

struct run_flags {
    struct span manifests, state_dir;
    struct span kubeconfig, kubeconfig_context, apiserver_host, certificate_authority;
    struct span namespace_selector;
    uint32_t watch_secrets; /* enum run_secrets */
    struct meaning_flags meaning;
    struct writing_flags writing;
    struct ip_addr address;
    struct option_port http_port, https_port, health_port;
    struct span health_host, health_check_path;
    struct option_endpoint webhook;
    struct span webhook_certificate, webhook_key, webhook_client_ca;
    uint32_t workers, grace_ms, drain_ms;
    uint32_t log_format; /* enum log_format */
    uint32_t access_log; /* enum run_switch */
    uint32_t verbosity;
    bool metrics_per_host, version;
};

#define RUN_GROUP(heading)        OPTION_HEADING(heading),
#define RUN_FLAG(...)             OPTION_FLAG(struct run_flags, __VA_ARGS__),
#define RUN_IDLE(flag, type, why) { .name = flag, .kind = OPTION_##type, .no_effect = why },
static const struct option options[] = {
#include "cli/run_flags.h"
};
#undef RUN_GROUP
#undef RUN_FLAG
#undef RUN_IDLE
static const struct option_table table = { options, ARRAY_LEN(options) };

static uint32_t workers_default(void)
{
    cpu_set_t cpus;

    if (sched_getaffinity(0, sizeof(cpus), &cpus) == -1)
        return 1;
    return MIN(MAX((uint32_t)CPU_COUNT(&cpus), 1u), (uint32_t)PROC_WORKERS_MAX);
}

static struct run_flags run_flags_default(bool as_ingress_nginx)
{
    return (struct run_flags){
        .meaning = meaning_flags_default(as_ingress_nginx),
        .writing = writing_flags_default(),
        .http_port = { .number = RUN_HTTP_PORT },
        .https_port = { .number = RUN_HTTPS_PORT },
        .health_port = { .number = RUN_HEALTH_PORT },
        .health_host = SPAN_EMPTY,
        .health_check_path = SPAN("/healthz"),
        .workers = workers_default(),
        .drain_ms = RUN_DRAIN_MS,
        .metrics_per_host = true,
    };
}

/* :: stands for every address; where the kernel has no IPv6, that is 0.0.0.0. */
static struct ip_addr address_or_ipv4(struct ip_addr address)
{
    static const struct ip_addr any;
    struct ip_addr any_ipv4 = any;

    if (!ip_eq(&address, &any))
        return address;
    SCOPED(fd_closep) int probe = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (probe >= 0)
        return address;
    invariant(ip_parse(SPAN("0.0.0.0"), &any_ipv4));
    return any_ipv4;
}

static struct api_config_choice api_choice(const struct run_flags *flags)
{
    return (struct api_config_choice){
        .kubeconfig = flags->kubeconfig,
        .context = flags->kubeconfig_context,
        .server = flags->apiserver_host,
        .ca_file = flags->certificate_authority,
    };
}

static bool directory_check(const struct run_flags *flags, int *ret_exit)
{
    struct stat st;

    if (flags->kubeconfig.len > 0 || flags->apiserver_host.len > 0) {
        *ret_exit =
            command_usage_error(&command_run,
                                "--manifests serves a directory, and %s a "
                                "cluster; give one of them",
                                flags->kubeconfig.len > 0 ? "--kubeconfig" : "--apiserver-host");
        return false;
    }
    /* Later it may come and go, and what was read last goes on being served. */
    bool must_be_there = proc_role_self() == PROC_SUPERVISOR && flags->state_dir.len == 0;
    if (!must_be_there || (stat(flags->manifests.ptr, &st) == 0 && S_ISDIR(st.st_mode)))
        return true;
    print_error("run: --manifests: '%s' is no directory that can be read; give one that holds "
                "manifests",
                flags->manifests.ptr);
    *ret_exit = COMMAND_FAILED;
    return false;
}

static void api_config_freep(struct api_config **config)
{
    *config = api_config_free(*config);
}

/* Read only to tell what is wrong with it to whoever started us; the controller reads it again. */
static bool cluster_check(const struct run_flags *flags, int *ret_exit)
{
    SCOPED(api_config_freep) struct api_config *config = NULL;
    struct api_config_choice choice = api_choice(flags);
    struct buf error = { 0 };

    int r = api_config_load(&choice, &config, &error);
    if (r == API_CONFIG_ABSENT)
        *ret_exit = command_usage_error(
            &command_run,
            "there is nothing to serve; give --manifests DIR, or --kubeconfig FILE (or "
            "--apiserver-host URL) for a cluster, or run in a Pod of one");
    if (r == API_CONFIG_BAD) {
        print_error("run: " SPAN_FMT, SPAN_ARG(buf_span(&error)));
        *ret_exit = COMMAND_FAILED;
    }
    buf_deinit(&error);
    return r == API_CONFIG_OK;
}

static bool selector_check(const struct run_flags *flags, int *ret_exit)
{
    if (flags->namespace_selector.len == 0)
        return true;
    if (flags->manifests.len > 0)
        *ret_exit = command_usage_error(
            &command_run,
            "--watch-namespace-selector asks the API server, and --manifests serves a "
            "directory; give --watch-namespace instead");
    else if (flags->meaning.watch_namespace.len > 0)
        *ret_exit = command_usage_error(
            &command_run, "--watch-namespace names one namespace, and --watch-namespace-selector "
                          "chooses some; give one of them");
    else
        return true;
    return false;
}

static bool writing_is_good(const struct run_flags *flags)
{
    SCOPED(buf_deinit) struct buf error = { 0 };

    if (writing_check(&flags->writing, &error))
        return true;
    (void)command_usage_error(&command_run, SPAN_FMT, SPAN_ARG(buf_span(&error)));
    return false;
}

static bool source_check(const struct run_flags *flags, int *ret_exit)
{
    if (!selector_check(flags, ret_exit))
        return false;
    if (flags->manifests.len > 0)
        return directory_check(flags, ret_exit);
    return proc_role_self() != PROC_SUPERVISOR || cluster_check(flags, ret_exit);
}

/* A flag's value is wrong in a way that only `run` knows. */
static bool flags_check(const struct run_flags *flags, struct ip_addr *ret_health_address,
                        int *ret_exit)
{
    struct ip_addr health_address = { { 0 } };

    *ret_exit = COMMAND_USAGE;
    if (flags->health_host.len > 0 && !ip_parse(flags->health_host, &health_address)) {
        (void)command_usage_error(&command_run,
                                  "--healthz-host: '" SPAN_FMT "' is no IP address; give one such "
                                  "as 127.0.0.1 or ::",
                                  SPAN_ARG(flags->health_host));
        return false;
    }
    if (flags->webhook.is_set &&
        (flags->webhook_certificate.len == 0 || flags->webhook_key.len == 0)) {
        (void)command_usage_error(&command_run,
                                  "--validating-webhook: API servers speak HTTPS only; give "
                                  "--validating-webhook-certificate and --validating-webhook-key");
        return false;
    }
    if (!span_starts_with(flags->health_check_path, SPAN("/"))) {
        (void)command_usage_error(&command_run,
                                  "--health-check-path: '" SPAN_FMT "' is no path; give one that "
                                  "starts with /",
                                  SPAN_ARG(flags->health_check_path));
        return false;
    }
    if (!writing_is_good(flags))
        return false;
    if (!source_check(flags, ret_exit))
        return false;
    *ret_health_address = health_address;
    return true;
}

/* The command line for the roles: `argv` starts with the command's name, which needs a program
 * before. */
static char **role_argv_new(int argc, char **argv)
{
    static char program[] = "yett";
    char **role_argv = mem_alloc(((size_t)argc + 2) * sizeof(role_argv[0]));

    role_argv[0] = program;
    memcpy(&role_argv[1], argv, (size_t)argc * sizeof(argv[0]));
    role_argv[argc + 1] = NULL;
    return role_argv;
}

static int run_supervisor(const struct run_flags *flags, const struct ip_addr *health_address,
                          const struct option_words *words, int argc, char **argv)
{
    SCOPED(mem_freep) char **role_argv = role_argv_new(argc, argv);

    vec_for_each (option, &words->no_effect)
        log_warn("flag_has_no_effect", F_STR("flag", (*option)->name),
                 F_STR("because", (*option)->no_effect));
    if (flags->manifests.len > 0 && writing_is_given(&flags->writing))
        log_warn("flags_have_no_effect", F_STR("flags", "those of status and leader election"),
                 F_STR("because", "with --manifests there is no cluster to write into"));

    return supervisor_main(&(struct supervisor_options){
        .address = address_or_ipv4(flags->address),
        .http_port = flags->http_port.number,
        .https_port = flags->https_port.number,
        .no_http = flags->http_port.is_off,
        .no_https = flags->https_port.is_off,
        .health_address = address_or_ipv4(*health_address),
        .health_port = flags->health_port.number,
        .no_health = flags->health_port.is_off,
        .webhook_address = address_or_ipv4(flags->webhook.ip),
        .webhook_port = flags->webhook.port,
        .has_webhook = flags->webhook.is_set,
        .workers = flags->workers,
        .access_log = flags->access_log == RUN_ON || flags->access_log == RUN_TRUE,
        .grace_ms = flags->grace_ms,
        .drain_ms = flags->drain_ms,
        .controller_ms =
            flags->writing.update_status_on_shutdown ? WRITER_CLEAR_MS + WRITER_END_MS : 0,
        .keeps_state = flags->state_dir.len > 0,
        .opens_ports =
            flags->meaning.tcp_services.name.len > 0 || flags->meaning.udp_services.name.len > 0,
        .argv = role_argv,
    });
}

/* Where no TCP Service can have a port, since the gate itself has it. */
static void own_ports_set(const struct run_flags *flags, struct ingress_options *ingress)
{
    const uint16_t ports[INGRESS_OWN_PORTS_MAX] = {
        flags->http_port.is_off ? 0 : flags->http_port.number,
        flags->https_port.is_off ? 0 : flags->https_port.number,
        flags->health_port.is_off ? 0 : flags->health_port.number,
        flags->webhook.is_set ? flags->webhook.port : 0,
    };

    memcpy(ingress->own_tcp_ports, ports, sizeof(ports));
}

static int run_controller(const struct run_flags *flags)
{
    struct ingress_options ingress = meaning_options(&flags->meaning);
    struct span pod_name = span_from_str(getenv("POD_NAME"));
    struct span pod_namespace = span_from_str(getenv("POD_NAMESPACE"));

    /* In a cluster its admission fills the default class in. */
    ingress.default_class_applies = flags->manifests.len > 0;
    own_ports_set(flags, &ingress);
    return control_main(&(struct control_options){
        .manifests = flags->manifests.len > 0 ? flags->manifests.ptr : NULL,
        .api = api_choice(flags),
        .namespace_selector = flags->namespace_selector,
        .has_wide_secrets = flags->watch_secrets == RUN_SECRETS_CLUSTER,
        .ingress = ingress,
        .has_webhook = flags->webhook.is_set,
        .webhook_files = { .certificate = flags->webhook_certificate.ptr,
                           .key = flags->webhook_key.ptr,
                           .client_ca =
                               flags->webhook_client_ca.len ? flags->webhook_client_ca.ptr : NULL },
        .metrics_class = flags->meaning.controller_class,
        .pod_name = pod_name,
        .pod_namespace = pod_namespace,
        .writer = writing_options(&flags->writing, pod_name, pod_namespace),
        .metrics_per_host = flags->metrics_per_host,
    });
}

static int run_worker(const struct run_flags *flags)
{
    return proxy_main(&(struct proxy_options){
        .access_log_format =
            flags->log_format == LOG_FORMAT_JSON ? PROXY_LOG_JSON : PROXY_LOG_INGRESS_NGINX,
        .health_check_path = flags->health_check_path,
    });
}

/* Of all that says which objects are read, and what they mean: an image that was kept is of use only where
 * that is as it was. */
static uint64_t source_hash(const struct run_flags *flags)
{
    const struct meaning_flags *meaning = &flags->meaning;
    const struct span texts[] = {
        flags->manifests,
        flags->kubeconfig,
        flags->kubeconfig_context,
        flags->apiserver_host,
        flags->namespace_selector,
        meaning->ingress_class,
        meaning->controller_class,
        meaning->watch_namespace,
        meaning->annotations_prefix,
        meaning->config_map.namespace,
        meaning->config_map.name,
        meaning->default_backend.namespace,
        meaning->default_backend.name,
        meaning->tcp_services.namespace,
        meaning->tcp_services.name,
        meaning->udp_services.namespace,
        meaning->udp_services.name,
    };
    uint64_t hash = (uint64_t)meaning->class_by_name | (uint64_t)meaning->watch_without_class << 1 |
                    (uint64_t)meaning->disable_catch_all << 2 |
                    (uint64_t)meaning->enable_ssl_passthrough << 3;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        hash = hash_combine(hash, hash_bytes(texts[i], 0));
    return hash;
}

static int run_role(const struct run_flags *flags, const struct ip_addr *health_address,
                    const struct option_words *words, int argc, char **argv)
{
    enum proc_role role = proc_role_self();

    log_init((enum log_format)flags->log_format,
             flags->verbosity >= RUN_VERBOSITY_DEBUG ? LOG_DEBUG : LOG_INFO, proc_role_name(role));
    switch (role) {
    case PROC_SUPERVISOR:
        return run_supervisor(flags, health_address, words, argc, argv);
    case PROC_CONTROLLER:
        return run_controller(flags);
    case PROC_WORKER:
        return run_worker(flags);
    case PROC_KEEPER:
        return keeper_main(&(struct keeper_options){
            .state_dir = flags->state_dir.ptr,
            .flags = source_hash(flags),
        });
    }
    unreachable();
}

static int run_run(int argc, char **argv)
{
    SCOPED(option_words_deinit) struct option_words words = { 0 };
    struct run_flags flags = run_flags_default(names_are_ingress_nginx(argv[0]));
    struct ip_addr health_address;
    int status;

    if (!command_parse(&command_run, argc, argv, &flags, &words, &status))
        return status;
    if (flags.version)
        return command_version.run(1, argv);
    if (words.operands.len > 0)
        return command_usage_error(&command_run,
                                   "'%s' is one word too many; to serve a directory, give "
                                   "--manifests %s",
                                   words.operands.items[0], words.operands.items[0]);
    if (!flags_check(&flags, &health_address, &status))
        return status;
    return run_role(&flags, &health_address, &words, argc, argv);
}

const struct command command_run = {
    .name = "run",
    .usage = "run [--manifests DIR | --kubeconfig FILE] [flags]",
    .summary = "serve the Ingresses of a cluster or of a directory, and follow their changes",
    .help = "Compiles Ingresses, Services, EndpointSlices and Secrets into a routing image and "
            "carries the\n"
            "traffic. Any change is live at once, without a restart and without a connection "
            "closed. In a\n"
            "Pod it serves the Pod's cluster, with --kubeconfig that of the kubeconfig, with "
            "--manifests a\n"
            "directory. SIGTERM drains: requests in flight finish, then it ends with status 0; a "
            "second\n"
            "SIGTERM ends it at once.\n"
            "\n"
            "  yett run --manifests examples/hello --http-port 8080 --https-port 8443\n"
            "  yett run --kubeconfig ~/.kube/config --http-port 8080 --https-port 8443\n"
            "\n"
            "Started as nginx-ingress-controller, the classes default to ingress-nginx's own.\n",
    .options = &table,
    .run = run_run,
};
