#include "tls/certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdarg.h>
#include <time.h>

#include <cmocka.h>

#include "fixture.h"

struct texts {
    struct buf chain, key;
};

static void texts_deinit(struct texts *texts)
{
    buf_deinit(&texts->chain);
    buf_deinit(&texts->key);
}

static int examine(struct texts *texts, struct arena *arena, struct tls_pair_facts *ret_facts)
{
    int r = tls_pair_examine(buf_span(&texts->chain), buf_span(&texts->key), arena, ret_facts);

    assert_int_equal(ERR_peek_error(), 0);
    return r;
}

/* For failures: the facts must stay as they were. */
static int verdict(struct span chain, struct span key)
{
    struct tls_pair_facts facts = { .not_after_s = 4711 };
    struct arena arena;

    arena_init(&arena, 1024);
    int r = tls_pair_examine(chain, key, &arena, &facts);
    assert_int_equal(ERR_peek_error(), 0);
    if (r != TLS_PAIR_OK)
        assert_int_equal(facts.not_after_s, 4711);
    arena_deinit(&arena);
    return r;
}

static void assert_span(struct span s, const char *expected)
{
    assert_true(span_eq(s, span_from_str(expected)));
}

static const struct {
    struct fixture_recipe recipe;
    const char *algorithm, *serial;
    const char *names; /* separated by spaces */
} good_pairs[] = {
    { { FIXTURE_RSA, "Cn.Example", NULL, -1, 90, 0 }, "RSA", "1", "cn.example" },
    { { FIXTURE_EC, "a.example", "DNS:A.example,DNS:*.B.example", -1, 90, 8 },
      "EC",
      "6510615555426900570",
      "a.example *.b.example" },
    { { FIXTURE_ED25519, NULL, "DNS:only.example", -1, 90, 0 }, "Ed25519", "1", "only.example" },
    /* The common name does not count beside a SAN. */
    { { FIXTURE_EC, "cn.example", "DNS:san.example", -1, 90, 0 }, "EC", "1", "san.example" },
    { { FIXTURE_EC, "cn.example", "IP:10.0.0.1,email:a@b.example", -1, 90, 0 }, "EC", "1", "" },
    { { FIXTURE_EC, "cn.example", "IP:10.0.0.1,DNS:san.example", -1, 90, 0 },
      "EC",
      "1",
      "san.example" },
    { { FIXTURE_EC, NULL, NULL, -1, 90, 0 }, "EC", "1", "" },
    /* Whether it is expired is the caller's question. */
    { { FIXTURE_EC, "old.example", NULL, -90, -1, 0 }, "EC", "1", "old.example" },
    { { FIXTURE_EC, "new.example", NULL, 1, 90, 0 }, "EC", "1", "new.example" },
    { { FIXTURE_EC, "far.example", NULL, -28000, 2900000, 0 }, "EC", "1", "far.example" },
};

static void assert_names(const struct tls_pair_facts *facts, const char *expected)
{
    struct span rest = span_from_str(expected), name;
    size_t n = 0;

    while (span_split(&rest, ' ', &name)) {
        assert_true(n < facts->names_len);
        assert_true(span_eq(facts->names[n], name));
        n++;
    }
    assert_int_equal(facts->names_len, n);
}

static void test_facts_of_good_pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good_pairs); i++) {
        const struct fixture_recipe *recipe = &good_pairs[i].recipe;
        struct tls_pair_facts facts;
        struct texts texts = { 0 };
        struct arena arena;
        int64_t now_s = time(NULL);

        print_message("case %zu\n", i);
        arena_init(&arena, 1024);
        fixture_pair(recipe, &texts.chain, &texts.key);
        assert_int_equal(examine(&texts, &arena, &facts), TLS_PAIR_OK);
        assert_string_equal(facts.key_algorithm, good_pairs[i].algorithm);
        assert_span(facts.serial_decimal, good_pairs[i].serial);
        assert_span(facts.subject_cn, recipe->cn);
        assert_span(facts.issuer_cn, recipe->cn);
        assert_span(facts.issuer_o, "");
        assert_names(&facts, good_pairs[i].names);
        assert_in_range(facts.not_before_s - (now_s + (int64_t)recipe->from_days * 86400) + 10, 0,
                        20);
        assert_in_range(facts.not_after_s - (now_s + (int64_t)recipe->to_days * 86400) + 10, 0, 20);
        arena_deinit(&arena);
        texts_deinit(&texts);
    }
}

static const struct fixture_recipe leaf_recipe = { FIXTURE_EC, "leaf", "DNS:leaf.example", -1, 9 };
static const struct fixture_recipe ca_recipe = { FIXTURE_RSA, "ca", NULL, -1, 9 };

static void leaf_append(struct buf *chain)
{
    fixture_certificate(&leaf_recipe, fixture_key(FIXTURE_EC, 0), fixture_key(FIXTURE_RSA, 0), "ca",
                        chain);
}

static void ca_append(struct buf *chain)
{
    EVP_PKEY *key = fixture_key(FIXTURE_RSA, 0);

    fixture_certificate(&ca_recipe, key, key, "ca", chain);
}

static void test_leaf_comes_first(void **state)
{
    (void)state;
    struct texts texts = { 0 };
    struct tls_pair_facts facts;
    struct arena arena;

    arena_init(&arena, 1024);
    fixture_key_pem(fixture_key(FIXTURE_EC, 0), &texts.key);
    leaf_append(&texts.chain);
    ca_append(&texts.chain);
    assert_int_equal(examine(&texts, &arena, &facts), TLS_PAIR_OK);
    assert_span(facts.subject_cn, "leaf");
    assert_span(facts.issuer_cn, "ca");
    assert_names(&facts, "leaf.example");

    texts.chain.len = 0;
    ca_append(&texts.chain);
    leaf_append(&texts.chain);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_MISMATCH);
    arena_deinit(&arena);
    texts_deinit(&texts);
}

static const struct {
    enum fixture_key certificate, key;
    size_t which;
} mismatches[] = {
    { FIXTURE_RSA, FIXTURE_RSA, 1 },         { FIXTURE_EC, FIXTURE_EC, 1 },
    { FIXTURE_ED25519, FIXTURE_ED25519, 1 }, { FIXTURE_RSA, FIXTURE_EC, 0 },
    { FIXTURE_EC, FIXTURE_RSA, 0 },          { FIXTURE_ED25519, FIXTURE_EC, 0 },
};

static void test_keys_of_others(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mismatches); i++) {
        struct fixture_recipe recipe = { mismatches[i].certificate, "a", NULL, -1, 9, 0 };
        struct texts texts = { 0 };

        fixture_pair(&recipe, &texts.chain, &texts.key);
        texts.key.len = 0;
        fixture_key_pem(fixture_key(mismatches[i].key, mismatches[i].which), &texts.key);
        assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_MISMATCH);
        texts_deinit(&texts);
    }
}

/* A damage to one of two good texts: everything from `at` (of a marker) is replaced by `with`. */
static const struct {
    const char *what, *marker, *with;
    bool in_key;
    int expected;
} damages[] = {
    { "chain: empty", "-----BEGIN", "", false, TLS_PAIR_NO_CERTIFICATE },
    { "chain: prose", "-----BEGIN", "to be filled in\n", false, TLS_PAIR_NO_CERTIFICATE },
    { "chain: a key", "-----BEGIN",
      "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", false,
      TLS_PAIR_NO_CERTIFICATE },
    { "chain: no end line", "-----END", "", false, TLS_PAIR_BAD_CERTIFICATE },
    { "chain: another end line", "-----END", "-----END X-----\n", false, TLS_PAIR_BAD_CERTIFICATE },
    { "chain: no body", "\nM", "\n-----END CERTIFICATE-----\n", false, TLS_PAIR_BAD_CERTIFICATE },
    { "chain: not base64", "\nM", "\n!!!!\n-----END CERTIFICATE-----\n", false,
      TLS_PAIR_BAD_CERTIFICATE },
    { "chain: not DER", "\nM", "\nAAAA\n-----END CERTIFICATE-----\n", false,
      TLS_PAIR_BAD_CERTIFICATE },
    { "key: empty", "-----BEGIN", "", true, TLS_PAIR_NO_KEY },
    { "key: prose", "-----BEGIN", "to be filled in\n", true, TLS_PAIR_NO_KEY },
    { "key: no end line", "-----END", "", true, TLS_PAIR_BAD_KEY },
    { "key: not DER", "\nM", "\nAAAA\n-----END PRIVATE KEY-----\n", true, TLS_PAIR_BAD_KEY },
    { "key: not base64", "\nM", "\n!!!!\n-----END PRIVATE KEY-----\n", true, TLS_PAIR_BAD_KEY },
};

static void damage(struct buf *text, const char *marker, const char *with)
{
    char *at = memmem(text->ptr, text->len, marker, strlen(marker));

    assert_non_null(at);
    text->len = (size_t)(at - text->ptr);
    buf_append(text, span_from_str(with));
}

static void test_damaged_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(damages); i++) {
        struct fixture_recipe recipe = { FIXTURE_EC, "a", NULL, -1, 9, 0 };
        struct texts texts = { 0 };

        print_message("%s\n", damages[i].what);
        fixture_pair(&recipe, &texts.chain, &texts.key);
        damage(damages[i].in_key ? &texts.key : &texts.chain, damages[i].marker, damages[i].with);
        assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)),
                         damages[i].expected);
        texts_deinit(&texts);
    }
}

static void test_damaged_issuer(void **state)
{
    (void)state;
    struct texts texts = { 0 };

    fixture_key_pem(fixture_key(FIXTURE_EC, 0), &texts.key);
    leaf_append(&texts.chain);
    buf_append(&texts.chain,
               SPAN("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"));
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)),
                     TLS_PAIR_BAD_CERTIFICATE);
    texts_deinit(&texts);
}

/* Each byte of a chain and of a key in turn: any verdict, but no crash and no error left behind. */
static void test_every_byte_changed(void **state)
{
    (void)state;
    struct fixture_recipe recipe = { FIXTURE_EC, "a.example", "DNS:b.example", -1, 9, 0 };
    struct texts texts = { 0 };
    size_t refused = 0;

    fixture_pair(&recipe, &texts.chain, &texts.key);
    for (size_t i = 0; i < texts.chain.len + texts.key.len; i++) {
        bool in_key = i >= texts.chain.len;
        char *at = in_key ? &texts.key.ptr[i - texts.chain.len] : &texts.chain.ptr[i];
        char before = *at;

        *at = before == 'x' ? 'y' : 'x';
        refused += verdict(buf_span(&texts.chain), buf_span(&texts.key)) != TLS_PAIR_OK;
        *at = before;
    }
    assert_true(refused > texts.key.len / 2);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_OK);
    texts_deinit(&texts);
}

static void test_key_in_older_forms(void **state)
{
    (void)state;
    static const enum fixture_key kinds[] = { FIXTURE_RSA, FIXTURE_EC };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct fixture_recipe recipe = { kinds[i], "a", NULL, -1, 9, 0 };
        struct texts texts = { 0 };
        BIO *bio = BIO_new(BIO_s_mem());

        fixture_pair(&recipe, &texts.chain, &texts.key);
        texts.key.len = 0;
        if (kinds[i] == FIXTURE_EC) /* as `openssl ecparam -genkey` writes it */
            buf_append(&texts.key, SPAN("-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n"
                                        "-----END EC PARAMETERS-----\n"));
        PEM_write_bio_PrivateKey_traditional(bio, fixture_key(kinds[i], 0), NULL, NULL, 0, NULL,
                                             NULL);
        fixture_take(bio, &texts.key);
        assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_OK);
        texts_deinit(&texts);
    }
}

/* The public half alone fits the certificate, and is of no use. */
static void test_public_key_is_no_key(void **state)
{
    (void)state;
    static const enum fixture_key kinds[] = { FIXTURE_RSA, FIXTURE_EC, FIXTURE_ED25519 };

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        struct fixture_recipe recipe = { kinds[i], "a", NULL, -1, 9, 0 };
        struct texts texts = { 0 };
        BIO *bio = BIO_new(BIO_s_mem());

        fixture_pair(&recipe, &texts.chain, &texts.key);
        texts.key.len = 0;
        PEM_write_bio_PUBKEY(bio, fixture_key(kinds[i], 0));
        fixture_take(bio, &texts.key);
        assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_NO_KEY);
        buf_append(&texts.key, SPAN("-----BEGIN PRIVATE KEY-----\n"));
        assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_BAD_KEY);
        texts_deinit(&texts);
    }
}

static void test_encrypted_key_is_refused_without_a_prompt(void **state)
{
    (void)state;
    struct fixture_recipe recipe = { FIXTURE_EC, "a", NULL, -1, 9, 0 };
    struct texts texts = { 0 };
    BIO *bio = BIO_new(BIO_s_mem());

    fixture_pair(&recipe, &texts.chain, &texts.key);
    texts.key.len = 0;
    PEM_write_bio_PKCS8PrivateKey(bio, fixture_key(FIXTURE_EC, 0), EVP_aes_128_cbc(), "secret", 6,
                                  NULL, NULL);
    fixture_take(bio, &texts.key);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_BAD_KEY);
    texts_deinit(&texts);
}

static void test_too_weak_for_tls(void **state)
{
    (void)state;
    struct fixture_recipe recipe = { FIXTURE_RSA_512, "a", NULL, -1, 9, 0 };
    struct texts texts = { 0 };

    fixture_pair(&recipe, &texts.chain, &texts.key);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)),
                     TLS_PAIR_BAD_CERTIFICATE);
    texts_deinit(&texts);
}

static void test_sizes_are_bounded(void **state)
{
    (void)state;
    struct fixture_recipe recipe = { FIXTURE_EC, "a", NULL, -1, 9, 64 };
    struct texts texts = { 0 };
    struct buf large = { 0 };

    fixture_pair(&recipe, &texts.chain, &texts.key);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)), TLS_PAIR_OK);
    memset(buf_reserve(&large, 2 << 20), '\n', 2 << 20); /* good text follows, out of reach */
    large.len = (1 << 20) - texts.chain.len;
    buf_append(&large, buf_span(&texts.chain));
    assert_int_equal(verdict(buf_span(&large), buf_span(&texts.key)), TLS_PAIR_OK);
    buf_append_byte(&large, '\n');
    assert_int_equal(verdict(buf_span(&large), buf_span(&texts.key)), TLS_PAIR_BAD_CERTIFICATE);
    large.len = 1 << 20;
    buf_append(&large, buf_span(&texts.key));
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&large)), TLS_PAIR_BAD_KEY);

    texts.chain.len = 0;
    recipe.serial_bytes = 65;
    EVP_PKEY *key = fixture_key(FIXTURE_EC, 0);
    fixture_certificate(&recipe, key, key, "a", &texts.chain);
    assert_int_equal(verdict(buf_span(&texts.chain), buf_span(&texts.key)),
                     TLS_PAIR_BAD_CERTIFICATE);
    buf_deinit(&large);
    texts_deinit(&texts);
}

static const struct {
    const char *name, *host;
    bool covered;
} coverages[] = {
    { "a.example", "a.example", true },
    { "a.example", "A.EXAMPLE", true },
    { "a.example", "b.example", false },
    { "a.example", "a.example.", false },
    { "a.example", "x.a.example", false },
    { "a.example", "*.example", false },
    { "*.example.com", "a.example.com", true },
    { "*.example.com", "A.Example.COM", true },
    { "*.example.com", "xn--a-1ga.example.com", true },
    { "*.example.com", "*.example.com", true },
    { "*.example.com", "example.com", false },
    { "*.example.com", ".example.com", false },
    { "*.example.com", "a.b.example.com", false },
    { "*.example.com", "*.b.example.com", false },
    { "*.example.com", "aexample.com", false },
    { "*.example.com", "a.example.org", false },
    { "*.example.com", "a.badexample.com", false },
    { "*.com", "example.com", true },
    { "*", "example", false },
    { "*", "a.example", false },
    { "w*.example.com", "www.example.com", false },
    { "*w.example.com", "www.example.com", false },
    { "*.*.example.com", "a.b.example.com", false },
    { "a.*.example.com", "a.b.example.com", false },
    { "*.example.com", "", false },
    { "a.example", "", false },
};

static void test_names_cover(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(coverages); i++) {
        struct span names[] = { SPAN("other.example.net"), span_from_str(coverages[i].name) };
        struct tls_pair_facts facts = { .names = names, .names_len = ARRAY_LEN(names) };

        print_message("%s for %s\n", coverages[i].name, coverages[i].host);
        assert_int_equal(tls_names_cover(&facts, span_from_str(coverages[i].host)),
                         coverages[i].covered);
    }
    assert_false(tls_names_cover(&(struct tls_pair_facts){ 0 }, SPAN("a.example")));
}

static void test_each_result_has_a_text(void **state)
{
    (void)state;
    for (int r = TLS_PAIR_OK; r <= TLS_PAIR_MISMATCH; r++) {
        for (int other = TLS_PAIR_OK; other < r; other++)
            assert_string_not_equal(tls_pair_result_text(r), tls_pair_result_text(other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts_of_good_pairs),
        cmocka_unit_test(test_leaf_comes_first),
        cmocka_unit_test(test_keys_of_others),
        cmocka_unit_test(test_damaged_texts),
        cmocka_unit_test(test_damaged_issuer),
        cmocka_unit_test(test_every_byte_changed),
        cmocka_unit_test(test_key_in_older_forms),
        cmocka_unit_test(test_public_key_is_no_key),
        cmocka_unit_test(test_encrypted_key_is_refused_without_a_prompt),
        cmocka_unit_test(test_too_weak_for_tls),
        cmocka_unit_test(test_sizes_are_bounded),
        cmocka_unit_test(test_names_cover),
        cmocka_unit_test(test_each_result_has_a_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
