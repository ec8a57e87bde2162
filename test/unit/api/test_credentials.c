#include "api/credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "../scratch.h"
#include "base/clock.h"

/* The loop's clock is turned by hand, so that minutes pass at once; what a plugin does takes its own time. */
struct rig {
    struct scratch scratch;
    struct loop *loop;
    uint64_t now_ms;
    struct api_config *config;
    struct api_credentials *credentials;
    size_t ready;
};

static void on_ready(void *ctx)
{
    ((struct rig *)ctx)->ready++;
}

/* `user` is what stands in the user of the kubeconfig. */
static void rig_open(struct rig *rig, const char *user)
{
    struct api_config_choice choice;
    struct buf text = { 0 }, error = { 0 };

    assert_int_equal(loop_new(&rig->loop), 0);
    rig->now_ms = 1000000;
    rig->ready = 0;
    loop_clock_set_manual(rig->loop, rig->now_ms);
    buf_printf(&text,
               "current-context: x\ncontexts: [{name: x, context: {cluster: c, user: dev}}]\n"
               "clusters: [{name: c, cluster: {server: \"https://a\"}}]\n"
               "users:\n- name: dev\n  user:\n%s",
               user);
    buf_append_byte(&text, '\0');
    scratch_replace(&rig->scratch, "config", text.ptr);
    choice = (struct api_config_choice){ .kubeconfig =
                                             span_from_str(scratch_path(&rig->scratch, "config")) };
    if (api_config_load(&choice, &rig->config, &error) != API_CONFIG_OK)
        fail_msg(SPAN_FMT, SPAN_ARG(buf_span(&error)));
    rig->credentials = api_credentials_new(rig->loop, rig->config, on_ready, rig);
    buf_deinit(&text);
    buf_deinit(&error);
}

static void rig_close(struct rig *rig)
{
    api_credentials_free(rig->credentials);
    api_config_free(rig->config);
    loop_free(rig->loop);
    scratch_close(&rig->scratch);
}

static void later(struct rig *rig, uint64_t ms)
{
    rig->now_ms += ms;
    loop_clock_set_manual(rig->loop, rig->now_ms);
}

/* Until the plugin has ended. */
static void wait_ready(struct rig *rig)
{
    uint64_t end_ns = clock_mono_ns() + 10000000000;
    size_t before = rig->ready;

    while (rig->ready == before) {
        assert_true(clock_mono_ns() < end_ns);
        assert_int_equal(loop_turn(rig->loop, 10), 0);
    }
}

static struct api_identity *get(struct rig *rig)
{
    struct api_identity *identity = NULL;

    int r = api_credentials_get(rig->credentials, &identity);
    if (r != API_CREDENTIALS_OK)
        fail_msg("%d: " SPAN_FMT, r, SPAN_ARG(api_credentials_error(rig->credentials)));
    return identity;
}

static void assert_header(const struct api_identity *identity, const char *expected)
{
    assert_non_null(identity->headers);
    assert_string_equal(identity->headers->data, expected);
}

static void assert_header_now(struct rig *rig, const char *expected)
{
    struct api_identity *identity = get(rig);

    assert_header(identity, expected);
    api_identity_unref(identity);
}

static void assert_error(struct rig *rig, const char *part)
{
    struct span error = api_credentials_error(rig->credentials);

    if (!span_contains(error, span_from_str(part)))
        fail_msg("'" SPAN_FMT "' has no '%s'", SPAN_ARG(error), part);
}

static void test_fixed_token(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    rig_open(&rig, "    token: abc\n");
    struct api_identity *first = get(&rig), *second = get(&rig);
    assert_ptr_equal(first, second); /* calls share it */
    assert_header(first, "Authorization: Bearer abc");
    assert_false(api_credentials_reject(rig.credentials, first)); /* there is no other */
    api_identity_unref(first);
    api_identity_unref(second);
    rig_close(&rig);
}

static void test_token_file_is_followed(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    scratch_replace(&rig.scratch, "token", " one\n");
    rig_open(&rig, "    tokenFile: token\n");
    assert_header_now(&rig, "Authorization: Bearer one");
    scratch_replace(&rig.scratch, "token", "two");
    assert_header_now(&rig, "Authorization: Bearer one"); /* not looked at so soon */
    later(&rig, CREDENTIALS_LOOK_MS);
    assert_header_now(&rig, "Authorization: Bearer two");

    /* One that cannot be read any more leaves what was. */
    scratch_unlink(&rig.scratch, "token");
    later(&rig, CREDENTIALS_READ_MS);
    assert_header_now(&rig, "Authorization: Bearer two");
    assert_error(&rig, "user 'dev' of /");
    assert_error(&rig, "the token file /");
    assert_error(&rig, "No such file");
    scratch_replace(&rig.scratch, "token", "three");
    assert_header_now(&rig, "Authorization: Bearer three");
    assert_int_equal(api_credentials_error(rig.credentials).len, 0);
    rig_close(&rig);
}

static void test_refused_token_is_read_at_once(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    scratch_replace(&rig.scratch, "token", "one");
    rig_open(&rig, "    tokenFile: token\n");
    struct api_identity *one = get(&rig);
    assert_false(api_credentials_reject(rig.credentials, one)); /* it is the same still */
    scratch_replace(&rig.scratch, "token", "two");
    assert_true(api_credentials_reject(rig.credentials, one));
    assert_header_now(&rig, "Authorization: Bearer two");
    assert_true(api_credentials_reject(rig.credentials, one)); /* of a call that was slower */
    assert_header(one, "Authorization: Bearer one");
    api_identity_unref(one);
    rig_close(&rig);
}

static void test_unusable_tokens(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "\n", "a\nX-Evil: b", "a\x01z" };
    struct rig rig;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct api_identity *none = NULL;

        scratch_open(&rig.scratch);
        scratch_replace(&rig.scratch, "token", bad[i]);
        rig_open(&rig, "    tokenFile: token\n");
        assert_int_equal(api_credentials_get(rig.credentials, &none), API_CREDENTIALS_BAD);
        assert_null(none);
        assert_error(&rig, "/token is empty or has control characters");
        rig_close(&rig);
    }
}

static void test_certificates_are_followed(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    scratch_replace(&rig.scratch, "crt", "first certificate");
    scratch_replace(&rig.scratch, "key", "first key");
    rig_open(&rig, "    client-certificate: crt\n    client-key: key\n");
    struct api_identity *first = get(&rig);
    assert_true(span_eq(first->certificate_pem, SPAN("first certificate")));
    assert_null(first->headers);
    scratch_replace(&rig.scratch, "crt", "second certificate");
    scratch_replace(&rig.scratch, "key", "second key");
    later(&rig, CREDENTIALS_LOOK_MS);
    struct api_identity *second = get(&rig);
    assert_true(span_eq(second->key_pem, SPAN("second key")));
    assert_true(span_eq(first->key_pem, SPAN("first key"))); /* calls under way keep theirs */
    api_identity_unref(first);
    api_identity_unref(second);
    rig_close(&rig);
}

static void test_username_and_impersonation(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    rig_open(&rig, "    username: me\n    password: secret\n    as: boss\n");
    struct api_identity *identity = get(&rig);
    assert_true(span_eq(identity->username, SPAN("me")));
    assert_true(span_eq(identity->password, SPAN("secret")));
    assert_header(identity, "Impersonate-User: boss");
    api_identity_unref(identity);
    rig_close(&rig);
}

/* ---- plugins -------------------------------------------------------------------------------------- */

#define EXEC                                                                              \
    "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n"                      \
    "      command: ./plugin\n      args: [\"a b\", c]\n      provideClusterInfo: true\n" \
    "      env: [{name: YETT_SAYS, value: hello}]\n"

/* Counts its runs in the file `runs`, and says as token what is in the file `says`. */
#define PLUGIN                                                                                 \
    "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho run >>runs\n"                                   \
    "printf '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\"," \
    "\"status\":{%s}}' \"$(cat says)\"\n"

static void plugin_write(struct rig *rig, const char *script, const char *says)
{
    scratch_replace(&rig->scratch, "plugin", script);
    scratch_chmod(&rig->scratch, "plugin", 0700);
    scratch_replace(&rig->scratch, "says", says);
}

static size_t runs(struct rig *rig)
{
    char text[256] = { 0 };
    FILE *file = fopen(scratch_path(&rig->scratch, "runs"), "r");

    if (!file)
        return 0;
    size_t len = fread(text, 1, sizeof(text), file);
    fclose(file);
    return len / strlen("run\n");
}

static void assert_pending(struct rig *rig)
{
    struct api_identity *none = NULL;

    assert_int_equal(api_credentials_get(rig->credentials, &none), API_CREDENTIALS_PENDING);
}

static void test_plugin_runs_once_for_all(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    plugin_write(&rig, PLUGIN, "\"token\":\"plugged\"");
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    assert_pending(&rig);
    wait_ready(&rig);
    assert_header_now(&rig, "Authorization: Bearer plugged");
    later(&rig, 24 * 3600 * 1000);
    assert_header_now(&rig, "Authorization: Bearer plugged"); /* no time was given */
    assert_int_equal(runs(&rig), 1);
    rig_close(&rig);
}

static void test_plugin_is_told_and_tells(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    plugin_write(
        &rig,
        "#!/bin/sh\ncd \"$(dirname \"$0\")\"\nread line && exit 9\n"
        "printf '%s' \"$1|$2|$YETT_SAYS|$KUBERNETES_EXEC_INFO|$(ls /proc/self/fd | wc -l)\""
        " >told\ncat says\n",
        "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
        "\"status\":{\"clientCertificateData\":\"C\",\"clientKeyData\":\"K\"}}");
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    wait_ready(&rig);
    struct api_identity *identity = get(&rig);
    assert_true(span_eq(identity->certificate_pem, SPAN("C")));
    assert_true(span_eq(identity->key_pem, SPAN("K")));
    assert_null(identity->headers);
    api_identity_unref(identity);

    char told[1024] = { 0 };
    FILE *file = fopen(scratch_path(&rig.scratch, "told"), "r");
    assert_non_null(file);
    assert_true(fread(told, 1, sizeof(told) - 1, file) > 0);
    fclose(file);
    /* Of descriptors `ls` has its three, and the directory. */
    assert_string_equal(told,
                        "a b|c|hello|{\"apiVersion\":\"client.authentication.k8s.io/v1\","
                        "\"kind\":\"ExecCredential\",\"spec\":{\"interactive\":false,\"cluster\":"
                        "{\"server\":\"https://a\"}}}|4");
    rig_close(&rig);
}

static void test_plugin_runs_again_when_refused(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    plugin_write(&rig, PLUGIN, "\"token\":\"one\"");
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    wait_ready(&rig);
    struct api_identity *one = get(&rig);
    assert_false(api_credentials_reject(rig.credentials, one)); /* it ran a moment ago */
    assert_header_now(&rig, "Authorization: Bearer one");
    later(&rig, CREDENTIALS_AGAIN_MS);
    scratch_replace(&rig.scratch, "says", "\"token\":\"two\"");
    assert_true(api_credentials_reject(rig.credentials, one));
    assert_pending(&rig);
    assert_true(
        api_credentials_reject(rig.credentials, one)); /* one run for all that are refused */
    wait_ready(&rig);
    assert_header_now(&rig, "Authorization: Bearer two");
    assert_int_equal(runs(&rig), 2);
    api_identity_unref(one);
    rig_close(&rig);
}

static void test_plugin_runs_before_its_word_expires(void **state)
{
    (void)state;
    char says[128], time[CLOCK_RFC3339_LEN];
    struct rig rig;

    clock_format_rfc3339(clock_wall_ns() + 30ull * 1000000000, time); /* within the early minute */
    snprintf(says, sizeof(says), "\"token\":\"one\",\"expirationTimestamp\":\"%.*s\"",
             CLOCK_RFC3339_LEN, time);
    scratch_open(&rig.scratch);
    plugin_write(&rig, PLUGIN, says);
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    wait_ready(&rig);
    later(&rig, CREDENTIALS_AGAIN_MS);
    scratch_replace(&rig.scratch, "says", "\"token\":\"two\"");
    assert_header_now(&rig, "Authorization: Bearer one"); /* nobody waits while it holds */
    wait_ready(&rig);
    assert_header_now(&rig, "Authorization: Bearer two");
    assert_int_equal(runs(&rig), 2);
    rig_close(&rig);
}

static void assert_bad(struct rig *rig)
{
    struct api_identity *none = NULL;

    assert_int_equal(api_credentials_get(rig->credentials, &none), API_CREDENTIALS_BAD);
}

static void test_plugin_that_fails_is_left_alone_for_a_while(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    plugin_write(&rig,
                 "#!/bin/sh\ncd \"$(dirname \"$0\")\"\necho run >>runs\n"
                 "echo '  no such profile' >&2\nexit 3\n",
                 "");
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    wait_ready(&rig);
    assert_bad(&rig);
    assert_error(&rig, "user 'dev' of /");
    assert_error(&rig, "/./plugin': it ended with status 3: no such profile");
    assert_bad(&rig);
    assert_int_equal(runs(&rig), 1);
    later(&rig, CREDENTIALS_AGAIN_MS);
    plugin_write(&rig, PLUGIN, "\"token\":\"mended\"");
    assert_pending(&rig);
    wait_ready(&rig);
    assert_header_now(&rig, "Authorization: Bearer mended");
    rig_close(&rig);
}

static void test_plugin_that_fails_later_costs_nothing_yet(void **state)
{
    (void)state;
    char says[128], time[CLOCK_RFC3339_LEN];
    struct rig rig;

    clock_format_rfc3339(clock_wall_ns() + 30ull * 1000000000, time);
    snprintf(says, sizeof(says), "\"token\":\"one\",\"expirationTimestamp\":\"%.*s\"",
             CLOCK_RFC3339_LEN, time);
    scratch_open(&rig.scratch);
    plugin_write(&rig, PLUGIN, says);
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    wait_ready(&rig);
    later(&rig, CREDENTIALS_AGAIN_MS);
    scratch_replace(&rig.scratch, "says", "nonsense");
    assert_header_now(&rig, "Authorization: Bearer one");
    wait_ready(&rig);
    assert_header_now(&rig, "Authorization: Bearer one");
    rig_close(&rig);
}

static void test_plugin_that_is_not_there(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    rig_open(&rig, "    exec:\n      apiVersion: client.authentication.k8s.io/v1beta1\n"
                   "      command: yett-no-such-plugin\n      installHint: apt install it\n");
    assert_bad(&rig);
    assert_error(&rig, "exec plugin 'yett-no-such-plugin': it cannot be started: No such file or "
                       "directory; apt install it");
    rig_close(&rig);
}

static void test_free_while_a_plugin_runs(void **state)
{
    (void)state;
    struct rig rig;

    scratch_open(&rig.scratch);
    plugin_write(&rig, "#!/bin/sh\nsleep 1000\n", "");
    rig_open(&rig, EXEC);
    assert_pending(&rig);
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fixed_token),
        cmocka_unit_test(test_token_file_is_followed),
        cmocka_unit_test(test_refused_token_is_read_at_once),
        cmocka_unit_test(test_unusable_tokens),
        cmocka_unit_test(test_certificates_are_followed),
        cmocka_unit_test(test_username_and_impersonation),
        cmocka_unit_test(test_plugin_runs_once_for_all),
        cmocka_unit_test(test_plugin_is_told_and_tells),
        cmocka_unit_test(test_plugin_runs_again_when_refused),
        cmocka_unit_test(test_plugin_runs_before_its_word_expires),
        cmocka_unit_test(test_plugin_that_fails_is_left_alone_for_a_while),
        cmocka_unit_test(test_plugin_that_fails_later_costs_nothing_yet),
        cmocka_unit_test(test_plugin_that_is_not_there),
        cmocka_unit_test(test_free_while_a_plugin_runs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
