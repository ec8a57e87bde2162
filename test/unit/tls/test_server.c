#include <openssl/err.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "line.h"
#include "tls/policy.h"

static struct buf rsa_chain, rsa_key, ec_chain, ec_key;

static struct tls_server both_pairs(void)
{
    return (struct tls_server){
        .pairs = { { buf_span(&rsa_chain), buf_span(&rsa_key) },
                   { buf_span(&ec_chain), buf_span(&ec_key) } },
        .pairs_len = 2,
    };
}

static int pairs_make(void **state)
{
    const struct fixture_recipe rsa = { FIXTURE_RSA, "rsa", NULL, -1, 9, 0 };
    const struct fixture_recipe ec = { FIXTURE_EC, "ec", NULL, -1, 9, 0 };

    fixture_pair(&rsa, &rsa_chain, &rsa_key);
    fixture_pair(&ec, &ec_chain, &ec_key);
    return gate_open(state);
}

static int pairs_free(void **state)
{
    buf_deinit(&rsa_chain);
    buf_deinit(&rsa_key);
    buf_deinit(&ec_chain);
    buf_deinit(&ec_key);
    return gate_close(state);
}

static const struct {
    int protocol;
    const char *ciphers, *sigalgs;
    const char *shown; /* common name of the pair; NULL: no handshake */
} choices[] = {
    { TLS1_2_VERSION, "ECDHE-RSA-AES128-GCM-SHA256", NULL, "rsa" },
    { TLS1_2_VERSION, "ECDHE-ECDSA-AES128-GCM-SHA256", NULL, "ec" },
    { TLS1_2_VERSION, "ECDHE+AES128", NULL, "ec" }, /* the server's order */
    { TLS1_2_VERSION, "ECDHE+AES128", "RSA+SHA256", "rsa" },
    { TLS1_2_VERSION, "ECDHE+AES128", "ECDSA+SHA256", "ec" },
    { TLS1_3_VERSION, NULL, NULL, "ec" },
    { TLS1_3_VERSION, NULL, "rsa_pss_rsae_sha256", "rsa" },
    { TLS1_3_VERSION, NULL, "ecdsa_secp256r1_sha256", "ec" },
    { TLS1_3_VERSION, NULL, "ed25519", NULL },
};

static void test_the_client_chooses_among_two_pairs(void **state)
{
    const struct tls_server server = both_pairs();
    struct tls_context *context = gate_server_make(&server);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(choices); i++) {
        struct line line;
        char cn[16] = "";

        print_message("case %zu\n", i);
        line_open_on(&line, context, "a.example");
        SSL_set_max_proto_version(line.client, choices[i].protocol);
        if (choices[i].ciphers)
            assert_int_equal(SSL_set_cipher_list(line.client, choices[i].ciphers), 1);
        if (choices[i].sigalgs)
            assert_int_equal(SSL_set1_sigalgs_list(line.client, choices[i].sigalgs), 1);
        int r = line_handshake(&line);
        assert_int_equal(r, choices[i].shown ? TLS_CODEC_OK : TLS_CODEC_FAILED);
        X509 *shown = SSL_get1_peer_certificate(line.client);
        if (choices[i].shown) {
            X509_NAME_get_text_by_NID(X509_get_subject_name(shown), NID_commonName, cn, sizeof(cn));
            assert_string_equal(cn, choices[i].shown);
        }
        X509_free(shown);
        line_close(&line);
    }
    tls_context_unref(context);
}

static const struct {
    struct tls_policy policy;
    int client_min, client_max;
    const char *client_ciphers, *client_groups;
    const char *protocol, *cipher; /* NULL: no handshake; cipher NULL: whichever */
} policies[] = {
    { { 0 }, 0, 0, NULL, NULL, "TLSv1.3", NULL },
    { { .versions = TLS_VERSION_1_2 }, 0, 0, NULL, NULL, "TLSv1.2", NULL },
    { { .versions = TLS_VERSION_1_2 }, TLS1_3_VERSION, 0, NULL, NULL, NULL, NULL },
    { { .versions = TLS_VERSION_1_3 }, 0, 0, NULL, NULL, "TLSv1.3", NULL },
    { { .versions = TLS_VERSION_1_3 }, 0, TLS1_2_VERSION, NULL, NULL, NULL, NULL },
    { { .versions = TLS_VERSION_1_2 | TLS_VERSION_1_3 },
      0,
      TLS1_2_VERSION,
      NULL,
      NULL,
      "TLSv1.2",
      NULL },
    { { .ciphers = SPAN("ECDHE-RSA-AES256-GCM-SHA384") },
      0,
      TLS1_2_VERSION,
      NULL,
      NULL,
      "TLSv1.2",
      "ECDHE-RSA-AES256-GCM-SHA384" },
    { { .ciphers = SPAN("ECDHE-RSA-AES256-GCM-SHA384") },
      0,
      TLS1_2_VERSION,
      "ECDHE-RSA-AES128-GCM-SHA256",
      NULL,
      NULL,
      NULL },
    { { .ciphers = SPAN("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256") },
      0,
      TLS1_2_VERSION,
      "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
      NULL,
      "TLSv1.2",
      "ECDHE-RSA-AES256-GCM-SHA384" },
    { { .ciphers = SPAN("ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256"),
        .prefer_client_ciphers = true },
      0,
      TLS1_2_VERSION,
      "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
      NULL,
      "TLSv1.2",
      "ECDHE-RSA-AES128-GCM-SHA256" },
    { { .groups = SPAN("P-384") }, 0, 0, NULL, "X25519:P-384", "TLSv1.3", NULL },
    { { .groups = SPAN("P-384") }, 0, 0, NULL, "X25519:P-256", NULL, NULL },
};

static void test_policies(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(policies); i++) {
        struct tls_server server = both_pairs();
        struct line line;

        print_message("case %zu\n", i);
        server.policy = policies[i].policy;
        struct tls_context *context = gate_server_make(&server);
        line_open_on(&line, context, "a.example");
        SSL_set_min_proto_version(line.client, policies[i].client_min);
        SSL_set_max_proto_version(line.client, policies[i].client_max);
        if (policies[i].client_ciphers)
            assert_int_equal(SSL_set_cipher_list(line.client, policies[i].client_ciphers), 1);
        if (policies[i].client_groups)
            assert_int_equal(SSL_set1_groups_list(line.client, policies[i].client_groups), 1);
        int r = line_handshake(&line);
        assert_int_equal(r, policies[i].protocol ? TLS_CODEC_OK : TLS_CODEC_FAILED);
        if (policies[i].protocol)
            assert_span(tls_codec_protocol(line.codec), policies[i].protocol);
        if (policies[i].cipher)
            assert_span(tls_codec_cipher(line.codec), policies[i].cipher);
        line_close(&line);
        tls_context_unref(context);
    }
}

/* What a connection begins with is not what it must end with: the name chooses all of it. */
static void test_the_policy_is_that_of_the_name(void **state)
{
    struct tls_server server = both_pairs();

    (void)state;
    server.policy.versions = TLS_VERSION_1_2;
    server.policy.ciphers = SPAN("ECDHE-RSA-AES256-GCM-SHA384");
    struct tls_context *other = gate_server_make(&server), *before = gate.ec;
    struct line line;

    gate.ec = other;
    line_open_on(&line, NULL, "ec.example");
    assert_int_equal(line_handshake(&line), TLS_CODEC_OK);
    assert_span(tls_codec_protocol(line.codec), "TLSv1.2");
    assert_span(tls_codec_cipher(line.codec), "ECDHE-RSA-AES256-GCM-SHA384");
    assert_ptr_equal(line.codec->context, other);
    line_close(&line);
    gate.ec = before;
    tls_context_unref(other);
}

static void test_what_makes_no_context(void **state)
{
    struct tls_context *untouched = (void *)state, *context = untouched;
    struct tls_server two_of_a_kind = both_pairs(), no_ciphers = both_pairs();
    struct tls_server no_groups = both_pairs(), no_dh = both_pairs(), no_ca = both_pairs();
    struct tls_server bad_crl = both_pairs();

    two_of_a_kind.pairs[1] = two_of_a_kind.pairs[0];
    no_ciphers.policy.ciphers = SPAN("NONE-SUCH");
    no_groups.policy.groups = SPAN("none-such");
    no_dh.policy.dh_pem = SPAN("none such");
    no_ca.client_auth = (struct tls_client_auth){ .mode = TLS_CLIENT_ASK, .depth = 1 };
    bad_crl.client_auth = (struct tls_client_auth){ .mode = TLS_CLIENT_ASK,
                                                    .ca_pem = buf_span(&ec_chain),
                                                    .crl_pem = SPAN("none such") };
    const struct {
        const struct tls_server *server;
        int expected;
    } cases[] = {
        { &two_of_a_kind, TLS_CONTEXT_BAD_PAIR }, { &no_ciphers, TLS_CONTEXT_BAD_POLICY },
        { &no_groups, TLS_CONTEXT_BAD_POLICY },   { &no_dh, TLS_CONTEXT_BAD_POLICY },
        { &no_ca, TLS_CONTEXT_BAD_AUTHORITIES },  { &bad_crl, TLS_CONTEXT_BAD_AUTHORITIES },
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        print_message("case %zu\n", i);
        assert_int_equal(tls_context_new_server(cases[i].server, &context), cases[i].expected);
        assert_ptr_equal(context, untouched);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_client_chooses_among_two_pairs),
        cmocka_unit_test(test_policies),
        cmocka_unit_test(test_the_policy_is_that_of_the_name),
        cmocka_unit_test(test_what_makes_no_context),
    };
    return cmocka_run_group_tests(tests, pairs_make, pairs_free);
}
