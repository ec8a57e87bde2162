#include "proxy/client/certificates.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "image/match.h"
#include "proxy/limits.h"

/* A context is found by all that it is made of, as bytes: contents that a tenant chose are compared, and
 * not just their hashes. */

struct certificate_context {
    struct list link; /* in certificates->by_use */
    struct span key;
    struct span server_name;     /* that first asked for it: what the sweep asks with */
    struct tls_context *context; /* NULL: unusable, which is said once */
    uint64_t stand_in_id; /* the default certificate, where that stands in for it; 0: it does not */
};

/* What is chosen by a name. */
struct choice {
    uint64_t certificate_ids[2]; /* of different kinds of keys; 0: none */
    uint64_t authorities_id;     /* 0: no client certificate is asked for */
    uint64_t policy_number;
    uint32_t depth;
    uint32_t prefer_client_ciphers;
    struct span ciphers; /* a host's own; empty: as the settings say */
    struct span scope;   /* the host, where its clients are asked */
};

static struct certificate_context *entry_drop(struct certificates *certificates,
                                              struct certificate_context *entry)
{
    map_remove(&certificates->contexts, entry->key);
    list_remove(&entry->link);
    tls_context_unref(entry->context);
    mem_free((char *)entry->key.ptr);
    mem_free((char *)entry->server_name.ptr);
    return mem_free(entry);
}

void certificates_init(struct certificates *certificates)
{
    *certificates = (struct certificates){ .tickets = tls_tickets_new(),
                                           .contexts_max = PROXY_TLS_CONTEXTS_MAX };
    list_init(&certificates->by_use);
}

void certificates_deinit(struct certificates *certificates)
{
    list_for_each_safe (it, &certificates->by_use)
        entry_drop(certificates, list_entry(it, struct certificate_context, link));
    map_deinit(&certificates->contexts);
    certificates->tickets = tls_tickets_free(certificates->tickets);
    buf_deinit(&certificates->policy);
    buf_deinit(&certificates->ticket_keys);
    buf_deinit(&certificates->scratch);
}

/* ---- the newest image's settings ---- */

static void bytes_put(struct buf *buf, const void *bytes, size_t len)
{
    buf_append(buf, span_of(bytes, len));
}

/* With its length ahead, so that no text runs into the next. */
static void text_put(struct buf *buf, struct span text)
{
    bytes_put(buf, &text.len, sizeof(text.len));
    buf_append(buf, text);
}

/* Makes `*kept` what `scratch` holds. False: it was that already. */
static bool bytes_replace(struct buf *kept, struct buf *scratch)
{
    struct buf before = *kept;

    if (span_eq(buf_span(kept), buf_span(scratch)))
        return false;
    *kept = *scratch;
    *scratch = before;
    return true;
}

static bool can_resume(const struct image_view *view)
{
    return (image_settings_get(view)->flags & IMAGE_TLS_RESUMPTION) != 0 &&
           image_ticket_key_count(view) > 0;
}

static void policy_take(struct certificates *certificates, const struct image_view *view)
{
    const struct image_settings *settings = image_settings_get(view);
    const uint32_t numbers[] = {
        settings->flags & (IMAGE_HTTP2 | IMAGE_TLS_CIPHERS_OF_SERVER),
        can_resume(view),
        settings->tls_versions,
        settings->tls_session_timeout_s,
    };

    certificates->scratch.len = 0;
    bytes_put(&certificates->scratch, numbers, sizeof(numbers));
    text_put(&certificates->scratch, image_str_get(view, settings->tls_ciphers));
    text_put(&certificates->scratch, image_str_get(view, settings->tls_groups));
    text_put(&certificates->scratch, image_str_get(view, settings->tls_dh));
    if (bytes_replace(&certificates->policy, &certificates->scratch))
        certificates->policy_number++;
}

static_assert(sizeof(((struct image_ticket_key *)NULL)->bytes) == TLS_TICKET_SECRET_BYTES_MAX,
              "route_ticket_key_len_is_valid() knows the lengths");

static void ticket_keys_take(struct certificates *certificates, const struct image_view *view)
{
    struct span secrets[TLS_TICKET_SECRETS_MAX];
    uint32_t timeout_s = image_settings_get(view)->tls_session_timeout_s;
    size_t len = MIN(image_ticket_key_count(view), (uint32_t)TLS_TICKET_SECRETS_MAX);

    certificates->scratch.len = 0;
    bytes_put(&certificates->scratch, &timeout_s, sizeof(timeout_s));
    for (size_t i = 0; i < len; i++) {
        const struct image_ticket_key *key = image_ticket_key_get(view, (uint32_t)i);

        secrets[i] = span_of((const char *)key->bytes, key->len);
        text_put(&certificates->scratch, secrets[i]);
    }
    if (bytes_replace(&certificates->ticket_keys, &certificates->scratch))
        tls_tickets_set(certificates->tickets, secrets, len, timeout_s);
}

void certificates_take_image(struct certificates *certificates, const struct image_view *view)
{
    policy_take(certificates, view);
    ticket_keys_take(certificates, view);
}

/* ---- what a name chooses ---- */

static void client_auth_choose(const struct image_view *view, const struct image_host *host,
                               struct choice *choice)
{
    const struct image_client_auth *auth = image_client_auth_get(view, host->client_auth);

    switch ((enum route_client_auth_mode)auth->mode) {
    case ROUTE_CLIENT_AUTH_OFF:
    case ROUTE_CLIENT_AUTH_BROKEN: /* its requests are refused */
        return;
    case ROUTE_CLIENT_AUTH_ON:
    case ROUTE_CLIENT_AUTH_OPTIONAL:
    case ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA:
        break;
    }
    choice->authorities_id = auth->authorities_id;
    choice->depth = auth->depth;
    choice->scope = image_str_get(view, host->name);
}

static struct choice choice_by_name(const struct certificates *certificates,
                                    const struct image_view *view, struct span server_name)
{
    const struct image_host *host = image_host_find(view, server_name, NULL);
    uint32_t flags = image_settings_get(view)->flags;
    struct choice choice = {
        .policy_number = certificates->policy_number,
        .prefer_client_ciphers = !(flags & IMAGE_TLS_CIPHERS_OF_SERVER),
        .ciphers = SPAN_EMPTY,
        .scope = SPAN_EMPTY,
    };

    image_certificates_for(view, server_name, choice.certificate_ids);
    if (!host)
        return choice;
    choice.ciphers = image_str_get(view, host->tls_ciphers);
    if (host->flags & (IMAGE_HOST_CIPHERS_OF_SERVER | IMAGE_HOST_CIPHERS_OF_CLIENT))
        choice.prefer_client_ciphers = !(host->flags & IMAGE_HOST_CIPHERS_OF_SERVER);
    if (host->client_auth != IMAGE_NONE)
        client_auth_choose(view, host, &choice);
    return choice;
}

static struct span choice_key(struct certificates *certificates, const struct choice *choice)
{
    struct buf *buf = &certificates->scratch;

    buf->len = 0;
    bytes_put(buf, choice->certificate_ids, sizeof(choice->certificate_ids));
    bytes_put(buf, &choice->authorities_id, sizeof(choice->authorities_id));
    bytes_put(buf, &choice->policy_number, sizeof(choice->policy_number));
    bytes_put(buf, &choice->depth, sizeof(choice->depth));
    bytes_put(buf, &choice->prefer_client_ciphers, sizeof(choice->prefer_client_ciphers));
    text_put(buf, choice->ciphers);
    text_put(buf, choice->scope);
    return buf_span(buf);
}

/* ---- contexts ---- */

static size_t pairs_find(const struct image_view *view, const uint64_t ids[2],
                         struct tls_pair_pem pairs[2])
{
    size_t len = 0;

    for (size_t i = 0; i < 2; i++) {
        const struct image_certificate *pair =
            ids[i] != 0 ? image_certificate_find(view, ids[i]) : NULL;

        if (pair)
            pairs[len++] = (struct tls_pair_pem){ image_secret_text(view, pair->chain_pem),
                                                  image_secret_text(view, pair->key_pem) };
    }
    return len;
}

static bool client_auth_find(const struct image_view *view, const struct choice *choice,
                             struct tls_client_auth *ret_auth)
{
    const struct image_authorities *authorities =
        choice->authorities_id != 0 ? image_authorities_find(view, choice->authorities_id) : NULL;

    if (authorities)
        *ret_auth = (struct tls_client_auth){
            .mode = TLS_CLIENT_ASK,
            .depth = choice->depth,
            .ca_pem = image_secret_text(view, authorities->ca_pem),
            .crl_pem = image_secret_text(view, authorities->crl_pem),
            .scope = choice->scope,
        };
    return authorities || choice->authorities_id == 0;
}

static struct tls_policy policy_of(const struct image_view *view, const struct choice *choice)
{
    const struct image_settings *settings = image_settings_get(view);

    return (struct tls_policy){
        .versions = settings->tls_versions,
        .ciphers =
            choice->ciphers.len > 0 ? choice->ciphers : image_str_get(view, settings->tls_ciphers),
        .groups = image_str_get(view, settings->tls_groups),
        .dh_pem = image_str_get(view, settings->tls_dh),
        .prefer_client_ciphers = choice->prefer_client_ciphers,
        .http2 = settings->flags & IMAGE_HTTP2,
        .resumption = can_resume(view),
        .session_timeout_s = settings->tls_session_timeout_s,
    };
}

static int context_try(struct certificates *certificates, const struct image_view *view,
                       const struct choice *choice, struct tls_context **ret_context)
{
    struct tls_server server = { .policy = policy_of(view, choice),
                                 .tickets = certificates->tickets };

    server.pairs_len = pairs_find(view, choice->certificate_ids, server.pairs);
    if (server.pairs_len == 0)
        return TLS_CONTEXT_BAD_PAIR;
    if (!client_auth_find(view, choice, &server.client_auth))
        return TLS_CONTEXT_BAD_AUTHORITIES;
    return tls_context_new_server(&server, ret_context);
}

static const char *result_text(enum tls_context_result result)
{
    switch (result) {
    case TLS_CONTEXT_OK:
        return "";
    case TLS_CONTEXT_BAD_PAIR:
        return "its certificate or key is missing or unusable";
    case TLS_CONTEXT_BAD_POLICY:
        return "its ciphers, groups or DH parameters are unusable";
    case TLS_CONTEXT_BAD_AUTHORITIES:
        return "the authorities of its clients are missing or unusable";
    }
    unreachable();
}

static uint64_t default_id_of(const struct image_view *view)
{
    return image_settings_get(view)->default_certificate_id;
}

/* The controller tried everything before: what fails here is a bug or a library that differs. */
static void context_make(struct certificates *certificates, const struct image_view *view,
                         struct choice choice, struct certificate_context *entry)
{
    int r = context_try(certificates, view, &choice, &entry->context);

    if (r != TLS_CONTEXT_OK)
        log_warn("tls_context_unusable", F_UINT("certificate", choice.certificate_ids[0]),
                 F_STR("because", result_text((enum tls_context_result)r)));
    if (r == TLS_CONTEXT_BAD_PAIR && choice.certificate_ids[0] != default_id_of(view)) {
        choice.certificate_ids[0] = entry->stand_in_id = default_id_of(view);
        choice.certificate_ids[1] = 0;
        r = context_try(certificates, view, &choice, &entry->context);
    }
    if (r != TLS_CONTEXT_OK)
        entry->context = NULL;
}

static bool is_current(const struct certificate_context *entry, const struct image_view *view)
{
    return entry->stand_in_id == 0 || entry->stand_in_id == default_id_of(view);
}

static struct tls_context *context_get(struct certificates *certificates,
                                       const struct image_view *view, struct span server_name)
{
    struct choice choice = choice_by_name(certificates, view, server_name);
    struct span key = choice_key(certificates, &choice);
    struct certificate_context *entry = map_find(&certificates->contexts, key);

    if (entry && is_current(entry, view)) {
        list_remove(&entry->link);
        list_push_back(&certificates->by_use, &entry->link);
        return entry->context;
    }
    if (entry)
        entry_drop(certificates, entry);
    else if (certificates->contexts.len >= certificates->contexts_max)
        entry_drop(certificates,
                   list_entry(certificates->by_use.next, struct certificate_context, link));
    entry = mem_alloc_zero(sizeof(*entry));
    entry->key = span_of(mem_dup(key.ptr, key.len), key.len);
    entry->server_name = span_of(mem_dup(server_name.ptr, server_name.len), server_name.len);
    context_make(certificates, view, choice, entry);
    map_put(&certificates->contexts, entry->key, entry);
    list_push_back(&certificates->by_use, &entry->link);
    return entry->context;
}

struct tls_context *certificates_initial(struct certificates *certificates,
                                         const struct image_view *view)
{
    return context_get(certificates, view, SPAN_EMPTY);
}

/* Without a name, or with one that no rule names. */
static bool is_unknown(const struct image_view *view, struct span server_name)
{
    const struct image_host *host = image_host_find(view, server_name, NULL);

    return !host || host->name.len == 0;
}

struct tls_context *certificates_choose(struct certificates *certificates,
                                        const struct image_view *view, struct span server_name)
{
    if (image_settings_get(view)->flags & IMAGE_TLS_REJECT_UNKNOWN && is_unknown(view, server_name))
        return NULL;
    tls_tickets_set_time(certificates->tickets, clock_wall_s());
    return context_get(certificates, view, server_name);
}

void certificates_sweep(struct certificates *certificates, const struct image_view *view)
{
    list_for_each_safe (it, &certificates->by_use) {
        struct certificate_context *entry = list_entry(it, struct certificate_context, link);
        struct choice choice = choice_by_name(certificates, view, entry->server_name);

        if (!is_current(entry, view) || !span_eq(choice_key(certificates, &choice), entry->key))
            entry_drop(certificates, entry);
    }
}
