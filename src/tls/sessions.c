#include "tls/sessions.h"

#include "base/hash.h"
#include "base/mem.h"

struct kept_session {
    uint64_t peer;
    SSL_SESSION *session; /* NULL: free */
    int64_t until_s;
};

struct tls_sessions {
    struct kept_session kept[TLS_SESSIONS_MAX];
};

struct tls_sessions *tls_sessions_new(void)
{
    return mem_alloc_zero(sizeof(struct tls_sessions));
}

struct tls_sessions *tls_sessions_free(struct tls_sessions *sessions)
{
    for (size_t i = 0; sessions && i < TLS_SESSIONS_MAX; i++)
        SSL_SESSION_free(sessions->kept[i].session);
    return mem_free(sessions);
}

static size_t place_of(uint64_t peer)
{
    return hash_u64(peer) % TLS_SESSIONS_MAX;
}

void tls_sessions_keep(struct tls_sessions *sessions, uint64_t peer, SSL_SESSION *session,
                       int64_t until_s)
{
    struct kept_session *kept = &sessions->kept[place_of(peer)];

    SSL_SESSION_free(kept->session);
    *kept = (struct kept_session){ peer, session, until_s };
}

/* Who resumes is not verified again: that must not outlive what was verified. */
SSL_SESSION *tls_sessions_find(const struct tls_sessions *sessions, uint64_t peer, int64_t now_s,
                               int64_t *ret_until_s)
{
    const struct kept_session *kept = &sessions->kept[place_of(peer)];

    if (kept->peer != peer || !kept->session || kept->until_s < now_s)
        return NULL;
    *ret_until_s = kept->until_s;
    return kept->session;
}

void tls_sessions_drop(struct tls_sessions *sessions, uint64_t peer)
{
    struct kept_session *kept = &sessions->kept[place_of(peer)];

    if (kept->peer != peer)
        return;
    SSL_SESSION_free(kept->session);
    *kept = (struct kept_session){ 0 };
}
