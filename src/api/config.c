#include "api/config.h"

#include <errno.h>
#include <stdlib.h>

#include "api/address.h"
#include "api/file.h"
#include "api/kubeconfig.h"
#include "base/num.h"
#include "base/scope.h"

enum { CONFIG_BLOCK_BYTES = 8192 };

static struct api_config *config_new(void)
{
    struct api_config *config = mem_alloc_zero(sizeof(*config));

    arena_init(&config->arena, CONFIG_BLOCK_BYTES);
    return config;
}

struct api_config *api_config_free(struct api_config *config)
{
    if (!config)
        return NULL;
    vec_deinit(&config->impersonation);
    vec_deinit(&config->exec.args);
    vec_deinit(&config->exec.env);
    arena_deinit(&config->arena);
    return mem_free(config);
}

static void config_freep(struct api_config **config)
{
    *config = api_config_free(*config);
}

/* ---- the Pod -------------------------------------------------------------------------------------- */

static struct span pod_path(struct api_config *config, const struct api_config_choice *choice,
                            const char *name)
{
    struct span dir = choice->pod_dir.len > 0 ? choice->pod_dir : SPAN(API_POD_DIR);

    return arena_printf(&config->arena, SPAN_FMT "/%s", SPAN_ARG(dir), name);
}

/* What is in a file of the Pod; empty: it is not there or cannot be read, as *ret_error says. */
static struct span text_read(struct api_config *config, struct span path, int *ret_error)
{
    struct buf bytes = { 0 };

    *ret_error = api_file_read(path, API_CONFIG_BYTES_MAX, &bytes);
    struct span copy = *ret_error == 0 ? arena_dup(&config->arena, buf_span(&bytes)) : SPAN_EMPTY;
    buf_deinit(&bytes);
    return copy;
}

static bool pod_file_check(struct api_config *config, struct span path, struct buf *error)
{
    int r;

    if (text_read(config, path, &r).len > 0)
        return true;
    buf_printf(error,
               SPAN_FMT ": %s; the Pod needs a ServiceAccount whose token is mounted "
                        "(automountServiceAccountToken)",
               SPAN_ARG(path), r < 0 ? strerror(-r) : "is empty");
    return false;
}

/* Token, authority and namespace of the ServiceAccount. */
static bool pod_account_read(struct api_config *config, const struct api_config_choice *choice,
                             struct buf *error)
{
    int r;

    config->token_file = pod_path(config, choice, "token");
    config->ca_file = pod_path(config, choice, "ca.crt");
    config->namespace = span_trim(text_read(config, pod_path(config, choice, "namespace"), &r));
    config->origin = SPAN("the Pod's ServiceAccount");
    return pod_file_check(config, config->token_file, error) &&
           pod_file_check(config, config->ca_file, error);
}

static bool pod_server_set(struct api_config *config, struct span host, struct span port_text,
                           struct buf *error)
{
    bool is_ipv6 = span_find(host, ':') != SPAN_NOT_FOUND;
    struct api_url url;
    uint16_t port;

    if (num_parse_port(port_text, &port)) {
        config->server = arena_printf(&config->arena, "https://%s" SPAN_FMT "%s:%u",
                                      is_ipv6 ? "[" : "", SPAN_ARG(host), is_ipv6 ? "]" : "", port);
        if (api_url_parse(config->server, &url))
            return true;
    }
    buf_printf(error,
               "KUBERNETES_SERVICE_HOST '" SPAN_FMT "' and KUBERNETES_SERVICE_PORT '" SPAN_FMT
               "' name no server; the kubelet sets them in every Pod",
               SPAN_ARG(host), SPAN_ARG(port_text));
    return false;
}

static int pod_load(struct api_config *config, const struct api_config_choice *choice,
                    struct buf *error)
{
    struct span host = span_from_str(getenv("KUBERNETES_SERVICE_HOST"));
    struct span port = span_from_str(getenv("KUBERNETES_SERVICE_PORT"));

    if (host.len == 0 || port.len == 0)
        return API_CONFIG_ABSENT;
    if (!pod_server_set(config, host, port, error) || !pod_account_read(config, choice, error))
        return API_CONFIG_BAD;
    return API_CONFIG_OK;
}

/* ---- by hand -------------------------------------------------------------------------------------- */

static bool is_in_pod(struct api_config *config, const struct api_config_choice *choice)
{
    int r;

    return text_read(config, pod_path(config, choice, "token"), &r).len > 0;
}

static bool server_override(struct api_config *config, struct span server, struct buf *error)
{
    struct api_url url;

    if (!api_url_parse(server, &url)) {
        buf_printf(error,
                   "--apiserver-host: '" SPAN_FMT "' is no URL of https or http; give one such "
                   "as https://10.0.0.1:6443",
                   SPAN_ARG(server));
        return false;
    }
    config->server = arena_dup(&config->arena, server);
    while (span_ends_with(config->server, SPAN("/")))
        config->server.len--;
    return true;
}

static bool authority_override(struct api_config *config, struct span ca_file, struct buf *error)
{
    struct span path = arena_dup(&config->arena, ca_file);
    int r;

    if (!span_contains(text_read(config, path, &r), SPAN("-----BEGIN "))) {
        buf_printf(error,
                   "--certificate-authority: " SPAN_FMT ": %s; give a file of PEM certificates",
                   SPAN_ARG(path), r < 0 ? strerror(-r) : "holds no PEM (-----BEGIN …)");
        return false;
    }
    config->ca_file = path;
    config->ca_pem = SPAN_EMPTY;
    config->insecure_skip_tls_verify = false;
    return true;
}

/* A server without more: the system's authorities, and no credentials. */
static int host_load(struct api_config *config, const struct api_config_choice *choice,
                     struct buf *error)
{
    config->origin = SPAN("--apiserver-host");
    if (is_in_pod(config, choice) && !pod_account_read(config, choice, error))
        return API_CONFIG_BAD;
    return API_CONFIG_OK;
}

int api_config_load(const struct api_config_choice *choice, struct api_config **ret_config,
                    struct buf *error)
{
    SCOPED(config_freep) struct api_config *config = config_new();
    int r;

    if (choice->kubeconfig.len > 0)
        r = kubeconfig_load(choice, config, error) ? API_CONFIG_OK : API_CONFIG_BAD;
    else if (choice->server.len > 0)
        r = host_load(config, choice, error);
    else
        r = pod_load(config, choice, error);
    if (r != API_CONFIG_OK)
        return r;
    if (choice->server.len > 0 && !server_override(config, choice->server, error))
        return API_CONFIG_BAD;
    if (choice->ca_file.len > 0 && !authority_override(config, choice->ca_file, error))
        return API_CONFIG_BAD;
    *ret_config = TAKE(config);
    return API_CONFIG_OK;
}
