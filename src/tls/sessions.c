#include "tls/sessions.h"

#include "base/hash.h"
#include "base/mem.h"

struct kept_session {
    uint64_t peer;
    SSL_SESSION *session; /* NULL: free */
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

void tls_sessions_keep(struct tls_sessions *sessions, uint64_t peer, SSL_SESSION *session)
{
    struct kept_session *kept = &sessions->kept[place_of(peer)];

    SSL_SESSION_free(kept->session);
    *kept = (struct kept_session){ peer, session };
}

SSL_SESSION *tls_sessions_find(const struct tls_sessions *sessions, uint64_t peer)
{
    const struct kept_session *kept = &sessions->kept[place_of(peer)];

    return kept->peer == peer ? kept->session : NULL;
}
