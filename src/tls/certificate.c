#include "tls/certificate.h"

#include <openssl/err.h>

#include "base/bug.h"
#include "tls/context_internal.h"
#include "tls/pair.h"

/* RFC 5280, 4.1.2.2 allows 20 octets. Some CAs use more; a number without bound would make its
 * decimal text, quadratic in its length, a way to stall the controller. */
enum { SERIAL_BYTES_MAX = 64 };

/* RFC 1035, 2.3.4; what is longer cannot be a server's name. */
enum { DNS_NAME_BYTES_MAX = 253 };

static struct span lower_dup(struct arena *arena, struct span s)
{
    char *copy = arena_alloc(arena, s.len);

    for (size_t i = 0; i < s.len; i++)
        copy[i] = ascii_lower(s.ptr[i]);
    return span_of(copy, s.len);
}

/* The last attribute of that kind in a distinguished name, which is the most specific; empty where
 * there is none. */
static struct span attribute_dup(struct arena *arena, const X509_NAME *name, int nid)
{
    unsigned char *utf8 = NULL;
    int at = -1, last = -1;

    while ((at = X509_NAME_get_index_by_NID(name, nid, at)) >= 0)
        last = at;
    if (last < 0)
        return SPAN_EMPTY;
    int len = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, last)));
    if (len < 0)
        return SPAN_EMPTY;
    struct span text = arena_dup(arena, span_of((const char *)utf8, (size_t)len));
    OPENSSL_free(utf8);
    return text;
}

/* A NUL inside a name is an old way to make "good.example\0.evil.example" look like the former. */
static bool is_dns_name(struct span name)
{
    return name.len > 0 && name.len <= DNS_NAME_BYTES_MAX &&
           span_find(name, '\0') == SPAN_NOT_FOUND;
}

/* The common name counts only where there is no SAN at all (RFC 6125, 6.4.4); one that cannot be
 * read is a SAN without names. */
static void names_collect(X509 *leaf, struct arena *arena, struct tls_pair_facts *facts)
{
    int how = 0;
    SCOPED(GENERAL_NAMES_freep)
    GENERAL_NAMES *san = X509_get_ext_d2i(leaf, NID_subject_alt_name, &how, NULL);
    size_t candidates = san ? (size_t)sk_GENERAL_NAME_num(san) : 1;
    bool absent = !san && how == -1;

    facts->names = arena_new_array(arena, struct span, candidates);
    if (absent && is_dns_name(facts->subject_cn))
        facts->names[facts->names_len++] = lower_dup(arena, facts->subject_cn);
    if (!san)
        return;
    for (size_t i = 0; i < candidates; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(san, (int)i);
        if (name->type != GEN_DNS)
            continue;
        struct span text = span_of((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                                   (size_t)ASN1_STRING_length(name->d.dNSName));
        if (is_dns_name(text))
            facts->names[facts->names_len++] = lower_dup(arena, text);
    }
}

static bool serial_read(const X509 *leaf, struct arena *arena, struct span *ret_decimal)
{
    const ASN1_INTEGER *serial = X509_get0_serialNumber(leaf);

    if (ASN1_STRING_length(serial) > SERIAL_BYTES_MAX)
        return false;
    SCOPED(BN_freep) BIGNUM *number = ASN1_INTEGER_to_BN(serial, NULL);
    char *decimal = number ? BN_bn2dec(number) : NULL;
    if (!decimal)
        return false;
    *ret_decimal = arena_dup(arena, span_from_str(decimal));
    OPENSSL_free(decimal);
    return true;
}

static const char *key_algorithm(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return "RSA";
    case EVP_PKEY_RSA_PSS:
        return "RSA-PSS";
    case EVP_PKEY_EC:
        return "EC";
    case EVP_PKEY_ED25519:
        return "Ed25519";
    case EVP_PKEY_ED448:
        return "Ed448";
    default: /* an open set: OpenSSL's identifiers of algorithms */
        return "other";
    }
}

static bool facts_collect(const struct tls_pair *pair, struct arena *arena,
                          struct tls_pair_facts *facts)
{
    const X509_NAME *issuer = X509_get_issuer_name(pair->leaf);

    facts->subject_cn = attribute_dup(arena, X509_get_subject_name(pair->leaf), NID_commonName);
    facts->issuer_cn = attribute_dup(arena, issuer, NID_commonName);
    facts->issuer_o = attribute_dup(arena, issuer, NID_organizationName);
    facts->key_algorithm = key_algorithm(pair->key);
    names_collect(pair->leaf, arena, facts);
    return serial_read(pair->leaf, arena, &facts->serial_decimal) &&
           tls_library_time_read(X509_get0_notBefore(pair->leaf), &facts->not_before_s) &&
           tls_library_time_read(X509_get0_notAfter(pair->leaf), &facts->not_after_s);
}

int tls_pair_examine(struct span chain_pem, struct span key_pem, struct arena *arena,
                     struct tls_pair_facts *ret_facts)
{
    SCOPED(tls_pair_deinit) struct tls_pair pair = { 0 };
    struct tls_pair_facts facts = { 0 };

    int r = tls_pair_parse(chain_pem, key_pem, &pair);
    if (r != TLS_PAIR_OK)
        return r;
    /* A trial, so that no worker is handed a pair that it cannot use: a chain can be well-formed and
     * yet be too weak for TLS. */
    bool good = tls_context_accepts(&pair) && facts_collect(&pair, arena, &facts);
    ERR_clear_error();
    if (!good)
        return TLS_PAIR_BAD_CERTIFICATE;
    *ret_facts = facts;
    return TLS_PAIR_OK;
}

const char *tls_pair_result_text(enum tls_pair_result result)
{
    switch (result) {
    case TLS_PAIR_OK:
        return "the pair is good";
    case TLS_PAIR_NO_CERTIFICATE:
        return "there is no PEM certificate in the chain";
    case TLS_PAIR_BAD_CERTIFICATE:
        return "a certificate of the chain is damaged, or too weak for TLS";
    case TLS_PAIR_NO_KEY:
        return "there is no PEM private key";
    case TLS_PAIR_BAD_KEY:
        return "the private key is damaged, encrypted or of an unknown kind";
    case TLS_PAIR_MISMATCH:
        return "the private key does not belong to the first certificate of the chain";
    }
    unreachable();
}

/* `name` may start with a wildcard, which stands for exactly one whole label, the left-most. */
static bool name_covers(struct span name, struct span host)
{
    if (span_eq_nocase(name, host))
        return true;
    if (!span_starts_with(name, SPAN("*.")))
        return false;
    size_t dot = span_find(host, '.');
    return dot != SPAN_NOT_FOUND && dot > 0 &&
           span_eq_nocase(span_from(name, 1), span_from(host, dot));
}

bool tls_names_cover(const struct tls_pair_facts *facts, struct span host)
{
    for (size_t i = 0; i < facts->names_len; i++) {
        if (name_covers(facts->names[i], host))
            return true;
    }
    return false;
}
