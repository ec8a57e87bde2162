#include "tls/tickets_internal.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/rand.h>

#include "base/bug.h"
#include "base/mem.h"

enum {
    /* An hour, as others rotate; longer where sessions live longer, so that the key of the period before
     * opens every ticket that is still good. */
    PERIOD_S_MIN = 3600,
    PERIODS_HELD = 3, /* before, present, next */
    NAME_BYTES = 16,  /* as RFC 5077 recommends and OpenSSL has it */
};

struct ticket_key {
    unsigned char name[NAME_BYTES];
    unsigned char cipher_key[32]; /* AES-256-CBC */
    unsigned char mac_key[32];    /* HMAC-SHA256 */
};

struct ticket_secret {
    unsigned char bytes[TLS_TICKET_SECRET_BYTES_MAX];
    size_t len;
};

struct tls_tickets {
    struct ticket_secret secrets[TLS_TICKET_SECRETS_MAX];
    size_t secrets_len; /* at least one */
    int64_t now_s;
    int64_t period_s;
    struct ticket_key keys[TLS_TICKET_SECRETS_MAX][PERIODS_HELD];
};

enum { BEFORE, PRESENT, NEXT };

/* HKDF (RFC 5869): the period, in network order, is what tells one key from another. */
static void key_derive(const struct ticket_secret *secret, int64_t period,
                       struct ticket_key *ret_key)
{
    unsigned char info[] = "yett session ticket ........";
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    char digest[] = "SHA256";

    for (size_t i = 0; i < 8; i++)
        info[sizeof(info) - 2 - i] = (unsigned char)((uint64_t)period >> 8 * i);
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret->bytes, secret->len),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, sizeof(info) - 1),
        OSSL_PARAM_construct_end(),
    };
    invariant(ctx != NULL &&
              EVP_KDF_derive(ctx, (unsigned char *)ret_key, sizeof(*ret_key), params) == 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static int64_t present_period(const struct tls_tickets *tickets)
{
    return tickets->now_s / tickets->period_s;
}

static void keys_derive(struct tls_tickets *tickets)
{
    int64_t present = present_period(tickets);

    for (size_t i = 0; i < tickets->secrets_len; i++) {
        for (int when = BEFORE; when <= NEXT; when++)
            key_derive(&tickets->secrets[i], present + when - PRESENT, &tickets->keys[i][when]);
    }
}

static void secrets_own(struct tls_tickets *tickets)
{
    struct ticket_secret *own = &tickets->secrets[0];

    invariant(RAND_bytes(own->bytes, sizeof(own->bytes)) == 1);
    own->len = sizeof(own->bytes);
    tickets->secrets_len = 1;
}

struct tls_tickets *tls_tickets_new(void)
{
    struct tls_tickets *tickets = mem_alloc_zero(sizeof(*tickets));

    tls_library_init();
    tickets->period_s = PERIOD_S_MIN;
    secrets_own(tickets);
    keys_derive(tickets);
    return tickets;
}

struct tls_tickets *tls_tickets_free(struct tls_tickets *tickets)
{
    if (tickets)
        OPENSSL_cleanse(tickets, sizeof(*tickets));
    return mem_free(tickets);
}

void tls_tickets_set(struct tls_tickets *tickets, const struct span *secrets, size_t len,
                     uint32_t session_timeout_s)
{
    OPENSSL_cleanse(tickets->secrets, sizeof(tickets->secrets));
    OPENSSL_cleanse(tickets->keys, sizeof(tickets->keys));
    tickets->secrets_len = MIN(len, (size_t)TLS_TICKET_SECRETS_MAX);
    for (size_t i = 0; i < tickets->secrets_len; i++) {
        invariant(secrets[i].len >= TLS_TICKET_SECRET_BYTES_MIN &&
                  secrets[i].len <= TLS_TICKET_SECRET_BYTES_MAX);
        memcpy(tickets->secrets[i].bytes, secrets[i].ptr, secrets[i].len);
        tickets->secrets[i].len = secrets[i].len;
    }
    if (len == 0)
        secrets_own(tickets);
    tickets->period_s = MAX((int64_t)PERIOD_S_MIN, (int64_t)session_timeout_s);
    keys_derive(tickets);
}

void tls_tickets_set_time(struct tls_tickets *tickets, int64_t now_s)
{
    int64_t before = present_period(tickets);

    tickets->now_s = now_s;
    if (present_period(tickets) != before)
        keys_derive(tickets);
}

static bool name_find(const struct tls_tickets *tickets, const unsigned char *name,
                      const struct ticket_key **ret_key)
{
    for (size_t i = 0; i < tickets->secrets_len; i++) {
        for (int when = BEFORE; when <= NEXT; when++) {
            const struct ticket_key *key = &tickets->keys[i][when];

            if (memcmp(key->name, name, NAME_BYTES) == 0) {
                *ret_key = key;
                return true;
            }
        }
    }
    return false;
}

static bool mac_set(EVP_MAC_CTX *mac, const struct ticket_key *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)key->mac_key,
                                          sizeof(key->mac_key)),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

int tls_tickets_key(const struct tls_tickets *tickets, unsigned char name[16], unsigned char *iv,
                    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, bool protects)
{
    const struct ticket_key *newest = &tickets->keys[0][PRESENT], *key = newest;
    const EVP_CIPHER *aes = EVP_aes_256_cbc();

    if (protects) {
        memcpy(name, newest->name, NAME_BYTES);
        bool good = RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes)) == 1 &&
                    EVP_EncryptInit_ex(cipher, aes, NULL, newest->cipher_key, iv) == 1 &&
                    mac_set(mac, newest);
        return good ? 1 : -1;
    }
    if (!name_find(tickets, name, &key))
        return 0;
    if (!mac_set(mac, key) || EVP_DecryptInit_ex(cipher, aes, NULL, key->cipher_key, iv) != 1)
        return -1;
    return key == newest ? 1 : 2;
}
