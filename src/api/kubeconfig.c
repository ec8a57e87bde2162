#include "api/kubeconfig.h"

#include "api/address.h"
#include "api/kubeconfig_json.h"
#include "api/kubeconfig_reader.h"

#define EXEC_EXTENSION "client.authentication.k8s.io/exec"

/* ---- the cluster ---------------------------------------------------------------------------------- */

static bool server_check(const struct kubeconfig_at *at, struct span *server)
{
    const struct kube_node *node = kubeconfig_field(at, "server");
    struct api_url url;

    if (server->len == 0)
        return kubeconfig_fail(at, at->map,
                               "server is missing; give the API server's URL, such as "
                               "https://10.0.0.1:6443");
    if (!api_url_parse(*server, &url))
        return kubeconfig_fail(at, node,
                               "server: '" SPAN_FMT "' is no URL of https or http; give one "
                               "such as https://10.0.0.1:6443",
                               SPAN_ARG(*server));
    while (span_ends_with(*server, SPAN("/")))
        server->len--;
    return true;
}

static bool proxy_check(const struct kubeconfig_at *at, struct span proxy_url)
{
    static const char *const schemes[] = { "http://", "https://", "socks5://" };

    if (proxy_url.len == 0)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        if (span_starts_with(proxy_url, span_from_str(schemes[i])))
            return true;
    }
    return kubeconfig_fail(at, kubeconfig_field(at, "proxy-url"),
                           "proxy-url: '" SPAN_FMT
                           "' is not understood; give a URL of http, https or "
                           "socks5",
                           SPAN_ARG(proxy_url));
}

/* Texts win over files of the same thing. */
static bool authority_read(const struct kubeconfig_at *at, struct api_config *config)
{
    if (!kubeconfig_bool(at, "insecure-skip-tls-verify", &config->insecure_skip_tls_verify) ||
        !kubeconfig_pem(at, "certificate-authority-data", &config->ca_pem))
        return false;
    if (config->ca_pem.len == 0 && !kubeconfig_path(at, "certificate-authority", &config->ca_file))
        return false;
    if (config->insecure_skip_tls_verify && (config->ca_pem.len > 0 || config->ca_file.len > 0))
        return kubeconfig_fail(at, at->map,
                               "insecure-skip-tls-verify makes certificate-authority "
                               "void; take one of them out");
    return true;
}

/* What the cluster has to tell the plugin. */
static bool extension_read(const struct kubeconfig_at *at, struct api_config *config)
{
    const struct kube_node *list;
    struct buf json = { 0 };

    if (!kubeconfig_list(at, "extensions", &list))
        return false;
    for (size_t i = 0; list && i < list->len; i++) {
        const struct kube_node *name = kube_node_find(list->items[i], SPAN("name"));
        const struct kube_node *value = kube_node_find(list->items[i], SPAN("extension"));

        if (!name || !value || !span_eq(name->text, SPAN(EXEC_EXTENSION)))
            continue;
        kubeconfig_json_encode(value, &json);
        config->exec.cluster_config_json = arena_dup(at->arena, buf_span(&json));
        buf_deinit(&json);
        return true;
    }
    return true;
}

static bool cluster_read(const struct kubeconfig_at *at, const struct api_config_choice *choice,
                         struct api_config *config)
{
    if (!kubeconfig_text(at, "server", &config->server) ||
        !kubeconfig_text(at, "tls-server-name", &config->tls_server_name) ||
        !kubeconfig_text(at, "proxy-url", &config->proxy_url) || !authority_read(at, config) ||
        !extension_read(at, config))
        return false;
    if (choice->server.len == 0 && !server_check(at, &config->server))
        return false;
    return proxy_check(at, config->proxy_url);
}

/* ---- the user ------------------------------------------------------------------------------------- */

static bool exec_args_read(const struct kubeconfig_at *at, struct api_exec *exec)
{
    const struct kube_node *list;
    struct span arg;

    if (!kubeconfig_list(at, "args", &list))
        return false;
    for (size_t i = 0; list && i < list->len; i++) {
        if (!kubeconfig_item_text(at, "args", list->items[i], &arg))
            return false;
        vec_push(&exec->args, arg);
    }
    return true;
}

static bool exec_env_read(const struct kubeconfig_at *at, struct api_exec *exec)
{
    const struct kube_node *list;

    if (!kubeconfig_list(at, "env", &list))
        return false;
    for (size_t i = 0; list && i < list->len; i++) {
        struct kubeconfig_at item = *at;
        struct api_exec_env env;

        item.map = list->items[i];
        if (!kubeconfig_text(&item, "name", &env.name) ||
            !kubeconfig_text(&item, "value", &env.value))
            return false;
        if (env.name.len == 0 || span_find(env.name, '=') != SPAN_NOT_FOUND)
            return kubeconfig_fail(at, list->items[i],
                                   "exec.env: an item has no usable name; give "
                                   "name and value");
        vec_push(&exec->env, env);
    }
    return true;
}

static bool exec_version_check(const struct kubeconfig_at *at, struct span version)
{
    if (span_eq(version, SPAN("client.authentication.k8s.io/v1")) ||
        span_eq(version, SPAN("client.authentication.k8s.io/v1beta1")))
        return true;
    if (version.len == 0)
        return kubeconfig_fail(at, at->map,
                               "exec.apiVersion is missing; give "
                               "client.authentication.k8s.io/v1");
    return kubeconfig_fail(
        at, kubeconfig_field(at, "apiVersion"),
        "exec.apiVersion '" SPAN_FMT "' is not spoken any more; give "
        "client.authentication.k8s.io/v1 or v1beta1, and a plugin that speaks it",
        SPAN_ARG(version));
}

static bool exec_read(const struct kubeconfig_at *user, struct api_exec *exec)
{
    struct kubeconfig_at at;
    struct span mode;

    if (!kubeconfig_map(user, "exec", &at))
        return false;
    if (!at.map)
        return true;
    if (!kubeconfig_text(&at, "command", &exec->command) ||
        !kubeconfig_text(&at, "apiVersion", &exec->api_version) ||
        !kubeconfig_text(&at, "installHint", &exec->install_hint) ||
        !kubeconfig_text(&at, "interactiveMode", &mode) ||
        !kubeconfig_bool(&at, "provideClusterInfo", &exec->provides_cluster_info) ||
        !exec_version_check(&at, exec->api_version) || !exec_args_read(&at, exec) ||
        !exec_env_read(&at, exec))
        return false;
    if (exec->command.len == 0)
        return kubeconfig_fail(&at, at.map, "exec.command is missing; give the plugin's program");
    if (span_eq(mode, SPAN("Always")))
        return kubeconfig_fail(
            &at, kubeconfig_field(&at, "interactiveMode"),
            "exec.interactiveMode is Always, and there is no terminal here; give a "
            "user whose credentials need none");
    if (span_find(exec->command, '/') != SPAN_NOT_FOUND)
        exec->command = kubeconfig_relative(&at, exec->command);
    return true;
}

static bool auth_provider_check(const struct kubeconfig_at *at)
{
    struct kubeconfig_at provider;
    struct span name;

    if (!kubeconfig_map(at, "auth-provider", &provider))
        return false;
    if (!provider.map)
        return true;
    if (!kubeconfig_text(&provider, "name", &name))
        return false;
    return kubeconfig_fail(at, provider.map,
                           "auth-provider '" SPAN_FMT
                           "': Kubernetes gave these up in 1.26; use its exec "
                           "plugin (user.exec), a token or a client certificate",
                           SPAN_ARG(name));
}

static bool certificate_read(const struct kubeconfig_at *at, struct api_config *config)
{
    if (!kubeconfig_pem(at, "client-certificate-data", &config->client_certificate_pem) ||
        !kubeconfig_pem(at, "client-key-data", &config->client_key_pem))
        return false;
    if (config->client_certificate_pem.len == 0 &&
        !kubeconfig_path(at, "client-certificate", &config->client_certificate_file))
        return false;
    if (config->client_key_pem.len == 0 &&
        !kubeconfig_path(at, "client-key", &config->client_key_file))
        return false;
    bool has_certificate =
        config->client_certificate_pem.len > 0 || config->client_certificate_file.len > 0;
    bool has_key = config->client_key_pem.len > 0 || config->client_key_file.len > 0;
    if (has_certificate != has_key)
        return kubeconfig_fail(at, at->map, "%s is there without %s; give both, or neither",
                               has_key ? "client-key" : "client-certificate",
                               has_key ? "client-certificate" : "client-key");
    return true;
}

static bool is_one_line(struct span text)
{
    return span_find(text, '\n') == SPAN_NOT_FOUND && span_find(text, '\r') == SPAN_NOT_FOUND;
}

static bool secrets_read(const struct kubeconfig_at *at, struct api_config *config)
{
    if (!kubeconfig_text(at, "token", &config->token) ||
        !kubeconfig_path(at, "tokenFile", &config->token_file) ||
        !kubeconfig_text(at, "username", &config->username) ||
        !kubeconfig_text(at, "password", &config->password))
        return false;
    if (!is_one_line(config->token))
        return kubeconfig_fail(at, kubeconfig_field(at, "token"), "token has a line break in it");
    if (config->username.len > 0 && (config->token.len > 0 || config->token_file.len > 0))
        return kubeconfig_fail(at, at->map,
                               "both a token and a username are there; give one way to "
                               "authenticate");
    return true;
}

/* ---- impersonation -------------------------------------------------------------------------------- */

static bool impersonate(const struct kubeconfig_at *at, struct api_config *config,
                        const char *field, struct span header, const struct kube_node *node)
{
    struct span value;

    if (!kubeconfig_item_text(at, field, node, &value))
        return false;
    if (!is_one_line(value))
        return kubeconfig_fail(at, node, "%s has a line break in it", field);
    vec_push(&config->impersonation,
             arena_printf(at->arena, SPAN_FMT ": " SPAN_FMT, SPAN_ARG(header), SPAN_ARG(value)));
    return true;
}

static bool impersonate_all(const struct kubeconfig_at *at, struct api_config *config,
                            const char *field, struct span header, const struct kube_node *list)
{
    for (size_t i = 0; list && i < list->len; i++) {
        if (!impersonate(at, config, field, header, list->items[i]))
            return false;
    }
    return true;
}

/* A key of as-user-extra as part of a header's name: what no name may hold is percent-encoded. */
static struct span extra_header(struct arena *arena, struct span key)
{
    struct buf name = { 0 };

    buf_append(&name, SPAN("Impersonate-Extra-"));
    for (size_t i = 0; i < key.len; i++) {
        unsigned char c = (unsigned char)key.ptr[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                        (c >= '0' && c <= '9') || (c && strchr("!#$&'*+-.^_`|~", c));

        if (is_plain)
            buf_append_byte(&name, (char)c);
        else
            buf_printf(&name, "%%%02X", c);
    }
    struct span copy = arena_dup(arena, buf_span(&name));
    buf_deinit(&name);
    return copy;
}

static bool impersonation_read(const struct kubeconfig_at *at, struct api_config *config)
{
    const struct kube_node *user = kubeconfig_field(at, "as"),
                           *uid = kubeconfig_field(at, "as-uid");
    const struct kube_node *groups, *values;
    struct kubeconfig_at extra;

    if (user && !impersonate(at, config, "as", SPAN("Impersonate-User"), user))
        return false;
    if (uid && !impersonate(at, config, "as-uid", SPAN("Impersonate-Uid"), uid))
        return false;
    if (!kubeconfig_list(at, "as-groups", &groups) ||
        !impersonate_all(at, config, "as-groups", SPAN("Impersonate-Group"), groups) ||
        !kubeconfig_map(at, "as-user-extra", &extra))
        return false;
    for (size_t i = 0; extra.map && i < extra.map->len; i++) {
        struct span key = extra.map->entries[i].key->text;
        struct span name = arena_dup(at->arena, key);

        if (!kubeconfig_list(&extra, name.ptr, &values) ||
            !impersonate_all(at, config, "as-user-extra", extra_header(at->arena, key), values))
            return false;
    }
    if (config->impersonation.len > 0 && !user)
        return kubeconfig_fail(at, at->map,
                               "as-uid, as-groups and as-user-extra need as, the user to "
                               "act as");
    return true;
}

/* ---- all of it ------------------------------------------------------------------------------------ */

static bool user_read(const struct kubeconfig_at *at, struct api_config *config)
{
    config->origin = arena_printf(at->arena, SPAN_FMT " of " SPAN_FMT, SPAN_ARG(at->what),
                                  SPAN_ARG(at->file->path));
    return auth_provider_check(at) && certificate_read(at, config) && secrets_read(at, config) &&
           exec_read(at, &config->exec) && impersonation_read(at, config);
}

static bool context_name(struct kubeconfig_files *files, struct span chosen, struct span *ret_name)
{
    *ret_name = chosen;
    if (chosen.len > 0)
        return true;
    if (!kubeconfig_current_context(files, ret_name))
        return false;
    if (ret_name->len == 0)
        buf_printf(files->error,
                   SPAN_FMT ": there is no current-context; give --kubeconfig-context, or "
                            "set one with kubectl config use-context",
                   SPAN_ARG(files->paths));
    return ret_name->len > 0;
}

static bool context_load(struct kubeconfig_files *files, const struct api_config_choice *choice,
                         struct api_config *config)
{
    struct kubeconfig_at context, cluster, user;
    struct span name, cluster_name, user_name;

    if (!context_name(files, choice->context, &name) ||
        !kubeconfig_find(files, "contexts", "context", name, &context) ||
        !kubeconfig_text(&context, "cluster", &cluster_name) ||
        !kubeconfig_text(&context, "user", &user_name) ||
        !kubeconfig_text(&context, "namespace", &config->namespace))
        return false;
    if (cluster_name.len == 0)
        return kubeconfig_fail(&context, context.map, "cluster is missing; name one of clusters");
    if (!kubeconfig_find(files, "clusters", "cluster", cluster_name, &cluster) ||
        !cluster_read(&cluster, choice, config))
        return false;
    config->origin = arena_printf(files->arena, SPAN_FMT " of " SPAN_FMT, SPAN_ARG(context.what),
                                  SPAN_ARG(context.file->path));
    if (user_name.len == 0)
        return true; /* a server that asks nobody */
    return kubeconfig_find(files, "users", "user", user_name, &user) && user_read(&user, config);
}

bool kubeconfig_load(const struct api_config_choice *choice, struct api_config *config,
                     struct buf *error)
{
    struct kubeconfig_files files = { .arena = &config->arena, .error = error };

    bool is_good =
        kubeconfig_files_read(&files, choice->kubeconfig) && context_load(&files, choice, config);
    kubeconfig_files_deinit(&files);
    return is_good;
}
