#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../scratch.h"
#include "api/config.h"

static struct scratch scratch;

static int setup(void **state)
{
    (void)state;
    scratch_open(&scratch);
    scratch_replace(&scratch, "ca.crt", "-----BEGIN CERTIFICATE-----\n");
    scratch_replace(&scratch, "me.crt", "-----BEGIN CERTIFICATE-----\n");
    scratch_replace(&scratch, "me.key", "-----BEGIN PRIVATE KEY-----\n");
    scratch_replace(&scratch, "token", "t0k\n");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    scratch_close(&scratch);
    return 0;
}

static void assert_span(struct span actual, const char *expected)
{
    if (!span_eq(actual, span_from_str(expected)))
        fail_msg("'" SPAN_FMT "' is not '%s'", SPAN_ARG(actual), expected);
}

static int load(const char *path, const char *context, struct api_config **config,
                struct buf *error)
{
    struct api_config_choice choice = { .kubeconfig = span_from_str(path),
                                        .context = span_from_str(context) };

    error->len = 0;
    *config = NULL;
    return api_config_load(&choice, config, error);
}

static struct api_config *load_good(const char *path, const char *context)
{
    struct api_config *config;
    struct buf error = { 0 };

    if (load(path, context, &config, &error) != API_CONFIG_OK)
        fail_msg(SPAN_FMT, SPAN_ARG(buf_span(&error)));
    assert_int_equal(error.len, 0);
    buf_deinit(&error);
    return config;
}

/* "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==" is "-----BEGIN CERTIFICATE-----\n". */
#define PEM_BASE64 "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg=="

#define CONTEXT                                            \
    "apiVersion: v1\nkind: Config\ncurrent-context: dev\n" \
    "contexts:\n- name: dev\n  context: {cluster: c, user: u, namespace: shop}\n"
#define CLUSTER "clusters:\n- name: c\n  cluster: {server: \"https://10.0.0.1:6443/\"}\n"

static void test_everything_that_it_may_say(void **state)
{
    (void)state;
    scratch_replace(&scratch, "config",
                    CONTEXT
                    "clusters:\n- name: other\n  cluster: {server: \"https://other\"}\n- name: c\n"
                    "  cluster:\n    server: https://kube.example:6443/k8s/clusters/c-1/\n"
                    "    certificate-authority: ca.crt\n    tls-server-name: kube.internal\n"
                    "    proxy-url: socks5://127.0.0.1:1080\n    extensions:\n"
                    "    - name: client.authentication.k8s.io/exec\n"
                    "      extension: {audience: \"a\\\"b\", n: 7, hex: 0x10, list: [true, null]}\n"
                    "users:\n- name: u\n  user:\n    client-certificate: me.crt\n"
                    "    client-key-data: " PEM_BASE64 "\n    as: boss\n    as-uid: \"7\"\n"
                    "    as-groups: [ops, \"a b\"]\n    as-user-extra: {\"a/b\": [x]}\n"
                    "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"
                    "      command: ./bin/login\n      args: [--cluster, c]\n"
                    "      env: [{name: REGION, value: eu}]\n      installHint: get it at x\n"
                    "      provideClusterInfo: true\n      interactiveMode: IfAvailable\n");
    struct api_config *config = load_good(scratch_path(&scratch, "config"), "");

    assert_span(config->server, "https://kube.example:6443/k8s/clusters/c-1");
    assert_span(config->ca_file, scratch_path(&scratch, "ca.crt"));
    assert_span(config->tls_server_name, "kube.internal");
    assert_span(config->proxy_url, "socks5://127.0.0.1:1080");
    assert_span(config->namespace, "shop");
    assert_span(config->client_certificate_file, scratch_path(&scratch, "me.crt"));
    assert_span(config->client_key_pem, "-----BEGIN CERTIFICATE-----\n");
    assert_span(config->exec.command, scratch_path(&scratch, "./bin/login"));
    assert_span(config->exec.api_version, "client.authentication.k8s.io/v1");
    assert_span(config->exec.install_hint, "get it at x");
    assert_int_equal(config->exec.args.len, 2);
    assert_span(config->exec.args.items[1], "c");
    assert_int_equal(config->exec.env.len, 1);
    assert_span(config->exec.env.items[0].name, "REGION");
    assert_true(config->exec.provides_cluster_info);
    assert_span(config->exec.cluster_config_json,
                "{\"audience\":\"a\\\"b\",\"n\":7,\"hex\":\"0x10\",\"list\":[true,null]}");
    assert_int_equal(config->impersonation.len, 5);
    assert_span(config->impersonation.items[0], "Impersonate-User: boss");
    assert_span(config->impersonation.items[1], "Impersonate-Uid: 7");
    assert_span(config->impersonation.items[3], "Impersonate-Group: a b");
    assert_span(config->impersonation.items[4], "Impersonate-Extra-a%2Fb: x");
    api_config_free(config);
}

static void test_tokens_and_files(void **state)
{
    (void)state;
    scratch_replace(&scratch, "config",
                    CONTEXT CLUSTER "users: [{name: u, user: {token: abc, tokenFile: token}}]\n");
    struct api_config *config = load_good(scratch_path(&scratch, "config"), "");

    assert_span(config->server, "https://10.0.0.1:6443");
    assert_span(config->token, "abc");
    assert_span(config->token_file, scratch_path(&scratch, "token"));
    api_config_free(config);
}

static void test_json_and_another_context(void **state)
{
    (void)state;
    scratch_replace(&scratch, "config",
                    "{\"kind\":\"Config\",\"current-context\":\"a\",\"contexts\":[{\"name\":\"a\","
                    "\"context\":{\"cluster\":\"none\"}},{\"name\":\"b\",\"context\":{\"cluster\":"
                    "\"c\"}}],\"clusters\":[{\"name\":\"c\",\"cluster\":{\"server\":"
                    "\"http://[::1]:8080\",\"insecure-skip-tls-verify\":true}}]}");
    struct api_config *config = load_good(scratch_path(&scratch, "config"), "b");

    assert_span(config->server, "http://[::1]:8080");
    assert_true(config->insecure_skip_tls_verify);
    assert_int_equal(config->namespace.len, 0);
    api_config_free(config);
}

/* The first file that says a thing wins, whole entries and not their fields; paths are relative to the
 * file that they stand in. */
static void test_lists_of_files(void **state)
{
    (void)state;
    char paths[1600];

    scratch_mkdir(&scratch, "sub");
    scratch_replace(&scratch, "sub/ca.crt", "-----BEGIN CERTIFICATE-----\n");
    scratch_replace(&scratch, "first",
                    "contexts:\n- name: dev\n  context: {cluster: c, user: u}\n"
                    "users:\n- name: u\n  user: {token: first}\n");
    scratch_replace(&scratch, "sub/second",
                    CONTEXT "clusters:\n- name: c\n  cluster: {server: \"https://two\", "
                            "certificate-authority: ca.crt}\n"
                            "users:\n- name: u\n  user: {token: second, as: boss}\n");
    snprintf(paths, sizeof(paths), "%s:%s::%s", scratch_path(&scratch, "absent"),
             scratch_path(&scratch, "first"), scratch_path(&scratch, "sub/second"));
    struct api_config *config = load_good(paths, "");

    assert_span(config->token, "first");
    assert_int_equal(config->impersonation.len, 0);
    assert_int_equal(config->namespace.len, 0);
    assert_span(config->server, "https://two");
    assert_span(config->ca_file, scratch_path(&scratch, "sub/ca.crt"));
    api_config_free(config);
}

#define USER(text) CONTEXT CLUSTER "users:\n- name: u\n  user:\n" text
#define EXEC(text) USER("    exec:\n" text)
#define V1         "      apiVersion: client.authentication.k8s.io/v1\n"
#define OF(text)   CONTEXT "clusters:\n- name: c\n  cluster:\n" text

/* Of each, all words must be in the sentence. */
static const struct {
    const char *text, *words[4];
} bad[] = {
    { "", { "there is no current-context", "--kubeconfig-context" } },
    { "a: [b", { "config:2:1: ", "close the bracket" } },
    { "- a\n", { "config:1:", "this is a list, no kubeconfig" } },
    { "kind: Secret\n", { "config:1:", "'Secret'", "kind: Config" } },
    { "apiVersion: v2\n", { "config:1:", "apiVersion 'v2'", "v1" } },
    { "current-context: 7\n", { "config:1:", "current-context is a number", "in quotes" } },
    { "current-context: x\n", { "there is no context 'x'", "there is none at all" } },
    { "current-context: x\ncontexts: {}\n", { "config:2:", "contexts is a map", "give a list" } },
    { "current-context: x\ncontexts: [{name: a}, {name: b}, 7]\n",
      { "no context 'x'", "there are: 'a', 'b'" } },
    { CONTEXT, { "there is no cluster 'c'" } },
    { "current-context: x\ncontexts: [{name: x, context: {user: u}}]\n",
      { "context 'x'", "cluster is missing" } },
    { CONTEXT CLUSTER, { "there is no user 'u'", "none at all" } },
    { OF("    a: b\n"), { "config:10:", "cluster 'c'", "server is missing", "https://" } },
    { OF("    server: 10.0.0.1\n"), { "config:10:", "server: '10.0.0.1' is no URL" } },
    { OF("    server: ftp://a\n"), { "server: 'ftp://a' is no URL" } },
    { OF("    server: https://a:99999\n"), { "is no URL" } },
    { OF("    server: https://\n"), { "is no URL" } },
    { OF("    server: \"https://a b\"\n"), { "is no URL" } },
    { OF("    server: https://user@a\n"), { "is no URL" } },
    { OF("    server: [https://a]\n"), { "server is a list", "give a string" } },
    { OF("    server: https://a\n    certificate-authority: gone.crt\n"),
      { "config:11:", "certificate-authority: ", "/gone.crt cannot be read", "No such file" } },
    { OF("    server: https://a\n    certificate-authority-data: \"?\"\n"),
      { "config:11:", "not base64 from byte 0", "PEM" } },
    { OF("    server: https://a\n    certificate-authority-data: aGFsbG8=\n"),
      { "does not hold PEM", "-----BEGIN" } },
    { OF("    server: https://a\n    certificate-authority: ca.crt\n"
         "    insecure-skip-tls-verify: true\n"),
      { "insecure-skip-tls-verify", "take one of them out" } },
    { OF("    server: https://a\n    insecure-skip-tls-verify: \"yes\"\n"),
      { "insecure-skip-tls-verify is a string", "give a bool" } },
    { OF("    server: https://a\n    proxy-url: ftp://p\n"), { "proxy-url: 'ftp://p'", "socks5" } },
    { USER("    token: 1234\n"), { "user 'u'", "token is a number", "in quotes" } },
    { USER("    token: \"a\\nb\"\n"), { "token has a line break" } },
    { USER("    token: \"a\\0b\"\n"), { "control character 0x00" } },
    { USER("    tokenFile: gone\n"), { "tokenFile: ", "/gone cannot be read" } },
    { USER("    token: a\n    username: b\n"), { "both a token and a username" } },
    { USER("    client-certificate: me.crt\n"),
      { "client-certificate is there without client-key", "give both" } },
    { USER("    client-key: me.key\n"), { "client-key is there without client-certificate" } },
    { USER("    auth-provider: {name: gcp}\n"),
      { "auth-provider 'gcp'", "gave these up in 1.26", "exec" } },
    { USER("    as-groups: [a]\n"), { "as-groups", "need as" } },
    { USER("    as: \"a\\r\\nX: y\"\n"), { "as has a line break" } },
    { EXEC("      command: x\n"), { "exec.apiVersion is missing" } },
    { EXEC("      apiVersion: client.authentication.k8s.io/v1alpha1\n      command: x\n"),
      { "v1alpha1' is not spoken any more", "v1beta1" } },
    { EXEC(V1), { "exec.command is missing" } },
    { EXEC(V1 "      command: x\n      interactiveMode: Always\n"), { "no terminal here" } },
    { EXEC(V1 "      command: x\n      args: all\n"), { "args is a string", "give a list" } },
    { EXEC(V1 "      command: x\n      args: [1]\n"), { "args is a number", "in quotes" } },
    { EXEC(V1 "      command: x\n      env: [{value: a}]\n"), { "exec.env", "no usable name" } },
    { EXEC(V1 "      command: x\n      env: [{name: \"a=b\", value: c}]\n"), { "no usable name" } },
};

static void test_what_is_wrong_is_said_in_a_sentence(void **state)
{
    (void)state;
    struct buf error = { 0 };
    struct api_config *config;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        scratch_replace(&scratch, "config", bad[i].text);
        if (load(scratch_path(&scratch, "config"), "", &config, &error) != API_CONFIG_BAD)
            fail_msg("taken as good: %s", bad[i].text);
        assert_null(config);
        assert_true(span_contains(buf_span(&error), SPAN("/config")));
        assert_int_equal(span_find(buf_span(&error), '\n'), SPAN_NOT_FOUND);
        for (size_t w = 0; w < ARRAY_LEN(bad[i].words) && bad[i].words[w]; w++) {
            if (!span_contains(buf_span(&error), span_from_str(bad[i].words[w])))
                fail_msg("'" SPAN_FMT "' has no '%s'", SPAN_ARG(buf_span(&error)), bad[i].words[w]);
        }
    }
    assert_int_equal(load("/nonexistent", "", &config, &error), API_CONFIG_BAD);
    assert_span(buf_span(&error),
                "/nonexistent: there is no such file; give the kubeconfig of the cluster");
    assert_int_equal(load("/tmp", "", &config, &error), API_CONFIG_BAD);
    assert_span(buf_span(&error), "/tmp: cannot be read: Is a directory");
    buf_deinit(&error);
}

/* ---- the Pod, and addresses by hand --------------------------------------------------------------- */

static int load_choice(const struct api_config_choice *choice, struct api_config **config,
                       struct buf *error)
{
    struct api_config_choice copy = *choice;

    copy.pod_dir = span_from_str(scratch_path(&scratch, "pod"));
    error->len = 0;
    *config = NULL;
    return api_config_load(&copy, config, error);
}

static void pod_write(void)
{
    scratch_mkdir(&scratch, "pod");
    scratch_replace(&scratch, "pod/token", "pod-token");
    scratch_replace(&scratch, "pod/ca.crt", "-----BEGIN CERTIFICATE-----\n");
    scratch_replace(&scratch, "pod/namespace", "edge");
}

static void test_pod(void **state)
{
    (void)state;
    struct api_config_choice none = { 0 };
    struct api_config *config;
    struct buf error = { 0 };

    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
    assert_int_equal(load_choice(&none, &config, &error), API_CONFIG_ABSENT);
    setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
    setenv("KUBERNETES_SERVICE_PORT", "443", 1);
    assert_int_equal(load_choice(&none, &config, &error), API_CONFIG_BAD);
    assert_true(span_contains(buf_span(&error), SPAN("automountServiceAccountToken")));
    pod_write();
    assert_int_equal(load_choice(&none, &config, &error), API_CONFIG_OK);
    assert_span(config->server, "https://[fd00::1]:443");
    assert_span(config->token_file, scratch_path(&scratch, "pod/token"));
    assert_span(config->ca_file, scratch_path(&scratch, "pod/ca.crt"));
    assert_span(config->namespace, "edge");
    api_config_free(config);
    setenv("KUBERNETES_SERVICE_PORT", "many", 1);
    assert_int_equal(load_choice(&none, &config, &error), API_CONFIG_BAD);
    assert_true(span_contains(buf_span(&error), SPAN("KUBERNETES_SERVICE_PORT 'many'")));
    buf_deinit(&error);
}

static void test_host_by_hand(void **state)
{
    (void)state;
    struct api_config_choice choice = { .server = SPAN("https://10.9.9.9:6443/") };
    struct api_config *config;
    struct buf error = { 0 };

    pod_write();
    assert_int_equal(load_choice(&choice, &config, &error), API_CONFIG_OK);
    assert_span(config->server, "https://10.9.9.9:6443");
    assert_span(config->token_file, scratch_path(&scratch, "pod/token"));
    api_config_free(config);

    choice.ca_file = span_from_str(scratch_path(&scratch, "ca.crt"));
    assert_int_equal(load_choice(&choice, &config, &error), API_CONFIG_OK);
    assert_span(config->ca_file, scratch_path(&scratch, "ca.crt"));
    api_config_free(config);

    choice.ca_file = span_from_str(scratch_path(&scratch, "token"));
    assert_int_equal(load_choice(&choice, &config, &error), API_CONFIG_BAD);
    assert_true(span_contains(buf_span(&error), SPAN("--certificate-authority: ")));
    choice.server = SPAN("10.9.9.9");
    assert_int_equal(load_choice(&choice, &config, &error), API_CONFIG_BAD);
    assert_true(span_contains(buf_span(&error), SPAN("--apiserver-host: '10.9.9.9' is no URL")));
    buf_deinit(&error);
}

static void test_host_by_hand_over_a_kubeconfig(void **state)
{
    (void)state;
    scratch_replace(&scratch, "config",
                    CONTEXT "clusters: [{name: c, cluster: {insecure-skip-tls-verify: true}}]\n"
                            "users: [{name: u, user: {token: abc}}]\n");
    struct api_config_choice choice = {
        .kubeconfig = span_from_str(scratch_path(&scratch, "config")),
        .server = SPAN("https://10.9.9.9"),
        .ca_file = span_from_str(scratch_path(&scratch, "ca.crt")),
    };
    struct api_config *config;
    struct buf error = { 0 };

    assert_int_equal(load_choice(&choice, &config, &error), API_CONFIG_OK);
    assert_span(config->server, "https://10.9.9.9");
    assert_span(config->token, "abc");
    assert_false(config->insecure_skip_tls_verify);
    api_config_free(config);
    buf_deinit(&error);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_everything_that_it_may_say, setup, teardown),
        cmocka_unit_test_setup_teardown(test_tokens_and_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_json_and_another_context, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lists_of_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_wrong_is_said_in_a_sentence, setup, teardown),
        cmocka_unit_test_setup_teardown(test_pod, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_by_hand, setup, teardown),
        cmocka_unit_test_setup_teardown(test_host_by_hand_over_a_kubeconfig, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
