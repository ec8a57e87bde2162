#include "api/exec_credential.h"

#include "base/json.h"
#include "kube/base64.h"
#include "kube/json.h"
#include "kube/timestamp.h"

enum { CREDENTIAL_NODES_MAX = 10000 };

static void cluster_encode(const struct api_config *config, struct span ca_pem, struct buf *out)
{
    json_open(out, "cluster", '{');
    json_text(out, "server", config->server);
    if (config->tls_server_name.len > 0)
        json_text(out, "tls-server-name", config->tls_server_name);
    if (config->insecure_skip_tls_verify)
        json_bool(out, "insecure-skip-tls-verify", true);
    if (ca_pem.len > 0) {
        struct buf base64 = { 0 };

        kube_base64_encode(&base64, ca_pem);
        json_text(out, "certificate-authority-data", buf_span(&base64));
        buf_deinit(&base64);
    }
    if (config->proxy_url.len > 0)
        json_text(out, "proxy-url", config->proxy_url);
    if (config->exec.cluster_config_json.len > 0) {
        json_key(out, "config");
        buf_append(out, config->exec.cluster_config_json);
    }
    json_close(out, '}');
}

void api_exec_info_encode(const struct api_config *config, struct span ca_pem, struct buf *out)
{
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", config->exec.api_version);
    json_text(out, "kind", SPAN("ExecCredential"));
    json_open(out, "spec", '{');
    json_bool(out, "interactive", false);
    if (config->exec.provides_cluster_info)
        cluster_encode(config, ca_pem, out);
    json_close(out, '}');
    json_close(out, '}');
}

/* The text at `key`; empty where there is none. False: something else is there. */
static bool text_get(const struct kube_node *map, const char *key, struct span *ret_text,
                     struct buf *error)
{
    const struct kube_node *node = kube_node_find(map, span_from_str(key));

    *ret_text = SPAN_EMPTY;
    if (!node || node->kind == KUBE_NODE_NULL)
        return true;
    if (node->kind != KUBE_NODE_STRING) {
        buf_printf(error, "its answer has %s as %s, where a string belongs",
                   kube_node_kind_name(node->kind), key);
        return false;
    }
    *ret_text = node->text;
    return true;
}

static bool head_check(const struct kube_node *root, struct span api_version, struct buf *error)
{
    struct span kind, version;

    if (!text_get(root, "kind", &kind, error) || !text_get(root, "apiVersion", &version, error))
        return false;
    if (span_eq(kind, SPAN("ExecCredential")) && span_eq(version, api_version))
        return true;
    buf_printf(error,
               "its answer is '" SPAN_FMT "' of '" SPAN_FMT
               "', where an ExecCredential of '" SPAN_FMT "' belongs",
               SPAN_ARG(kind), SPAN_ARG(version), SPAN_ARG(api_version));
    return false;
}

static bool status_read(const struct kube_node *status, struct api_exec_credential *credential,
                        struct buf *error)
{
    struct span expires;

    if (!text_get(status, "token", &credential->token, error) ||
        !text_get(status, "clientCertificateData", &credential->certificate_pem, error) ||
        !text_get(status, "clientKeyData", &credential->key_pem, error) ||
        !text_get(status, "expirationTimestamp", &expires, error))
        return false;
    if ((credential->certificate_pem.len > 0) != (credential->key_pem.len > 0)) {
        buf_append(error, SPAN("its answer has one of clientCertificateData and clientKeyData; "
                               "they belong together"));
        return false;
    }
    if (credential->token.len == 0 && credential->key_pem.len == 0) {
        buf_append(error, SPAN("its answer has neither status.token nor "
                               "status.clientCertificateData"));
        return false;
    }
    credential->expires_s = INT64_MAX;
    if (expires.len > 0 && !kube_timestamp_parse(expires, &credential->expires_s)) {
        buf_printf(error,
                   "its answer has '" SPAN_FMT "' as expirationTimestamp, which is no time of "
                   "RFC 3339",
                   SPAN_ARG(expires));
        return false;
    }
    return true;
}

bool api_exec_credential_parse(struct arena *arena, struct span output, struct span api_version,
                               struct api_exec_credential *ret_credential, struct buf *error)
{
    struct api_exec_credential credential = { 0 };
    struct span text = arena_dup(arena, output); /* the tree borrows from it */
    const struct kube_node *root = NULL;
    struct kube_fault fault = { 0 };
    size_t nodes_left = CREDENTIAL_NODES_MAX, bytes = 0;

    switch (kube_json_parse(arena, text, (struct kube_pos){ 1, 1 }, true, &nodes_left, &root,
                            &bytes, &fault)) {
    case KUBE_PARSE_OK:
        break;
    case KUBE_PARSE_NOTHING:
        buf_append(error, SPAN("it answered nothing"));
        return false;
    case KUBE_PARSE_FAULT:
        buf_printf(error, "its answer is no JSON: line %u: " SPAN_FMT, fault.pos.line,
                   SPAN_ARG(fault.message));
        return false;
    }
    const struct kube_node *status = kube_node_find(root, SPAN("status"));
    if (!head_check(root, api_version, error))
        return false;
    if (!status || status->kind != KUBE_NODE_MAP) {
        buf_append(error, SPAN("its answer has no status"));
        return false;
    }
    if (!status_read(status, &credential, error))
        return false;
    *ret_credential = credential;
    return true;
}
