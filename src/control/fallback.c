#include "control/fallback.h"

#include "base/scope.h"
#include "tls/certificate.h"

static bool is_worth_keeping(struct span chain_pem, struct span key_pem, int64_t now_s)
{
    SCOPED(arena_deinit) struct arena arena;
    struct tls_pair_facts facts;

    arena_init(&arena, 1024);
    return tls_pair_examine(chain_pem, key_pem, &arena, &facts) == TLS_PAIR_OK &&
           tls_pair_is_generated(&facts) && facts.not_after_s - now_s >= FALLBACK_RENEW_S;
}

/* A default certificate that came from a Secret is not ours to keep: the Secret may be gone. */
static bool keep(struct fallback *fallback, const struct image_view *served, int64_t now_s)
{
    const struct image_certificate *shown =
        image_certificate_find(served, image_settings_get(served)->default_certificate_id);

    if (!shown)
        return false;
    struct span chain_pem = image_secret_text(served, shown->chain_pem);
    struct span key_pem = image_secret_text(served, shown->key_pem);
    if (!is_worth_keeping(chain_pem, key_pem, now_s))
        return false;
    buf_append(&fallback->chain_pem, chain_pem);
    buf_append(&fallback->key_pem, key_pem);
    return true;
}

int fallback_open(struct fallback *fallback, const struct image_view *served, int64_t now_s)
{
    if (served && keep(fallback, served, now_s))
        return 0;
    return tls_pair_generate(&fallback->chain_pem, &fallback->key_pem);
}

void fallback_deinit(struct fallback *fallback)
{
    buf_deinit(&fallback->chain_pem);
    buf_deinit(&fallback->key_pem);
}
