#include "proxy/upstream/resolver.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/upstream/name_cache.h"

/* c-ares asks for one descriptor per server and protocol. */
enum { RESOLVER_SOCKETS_MAX = 16, RESOLVER_TICK_MS = 100 };

struct resolver_socket {
    struct loop_watch watch;
    struct resolver *resolver;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct name_cache cache;
    struct resolver_socket sockets[RESOLVER_SOCKETS_MAX];
    struct loop_timer timer; /* time-outs, while questions are open */
    uint32_t open;
};

static void socket_on_events(struct loop_watch *watch, uint32_t events)
{
    struct resolver_socket *socket = container_of(watch, struct resolver_socket, watch);
    ares_socket_t fd = watch->fd;
    bool readable = events & (LOOP_READ | LOOP_ERROR | LOOP_HANGUP);

    ares_process_fd(socket->resolver->channel, readable ? fd : ARES_SOCKET_BAD,
                    events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
}

static struct resolver_socket *socket_find(struct resolver *resolver, int fd)
{
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++) {
        if (resolver->sockets[i].watch.fd == fd)
            return &resolver->sockets[i];
    }
    return NULL;
}

/* c-ares says which of its sockets wait for what. Closing follows a call with neither. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *resolver = ctx;
    struct resolver_socket *socket = socket_find(resolver, fd);
    uint32_t mask = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);
    int r = 0;

    if (mask == 0) {
        if (socket)
            loop_watch_remove(resolver->loop, &socket->watch);
        return;
    }
    if (socket) {
        r = loop_watch_change_level(resolver->loop, &socket->watch, mask);
    } else {
        socket = socket_find(resolver, -1);
        if (socket)
            r = loop_watch_add_level(resolver->loop, &socket->watch, fd, mask);
    }
    if (!socket || r < 0)
        log_limited(LOG_WARN, "resolver_socket_unwatched", F_ERRNO(r)); /* the query times out */
}

static void resolver_on_tick(struct loop_timer *timer)
{
    struct resolver *resolver = container_of(timer, struct resolver, timer);

    ares_process_fd(resolver->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    name_cache_expire(&resolver->cache, loop_now_ms(resolver->loop));
    if (resolver->open > 0)
        loop_timer_set(resolver->loop, timer, RESOLVER_TICK_MS);
}

/* ---- an answer ---- */

static void address_add(struct ip_addr *addresses, uint32_t *len,
                        const struct ares_addrinfo_node *node)
{
    struct ip_addr *ip = &addresses[*len];

    if (node->ai_family == AF_INET)
        *ip = ip_from_v4(&((const struct sockaddr_in *)(void *)node->ai_addr)->sin_addr);
    else
        memcpy(ip->bytes, &((const struct sockaddr_in6 *)(void *)node->ai_addr)->sin6_addr, 16);
    /* Not every address that a stranger's record names is his: never our own. */
    if (!ip_is_loopback(ip) && !ip_is_unspecified(ip))
        (*len)++;
}

/* The answer holds for as long as every record on the way to it. */
static uint64_t answer_ttl_ms(const struct ares_addrinfo *answer)
{
    int ttl_s = RESOLVER_TTL_MAX_MS / 1000;

    for (const struct ares_addrinfo_cname *cname = answer->cnames; cname; cname = cname->next)
        ttl_s = MIN(ttl_s, cname->ttl);
    for (const struct ares_addrinfo_node *node = answer->nodes; node; node = node->ai_next)
        ttl_s = MIN(ttl_s, node->ai_ttl);
    return (uint64_t)MAX(ttl_s, 0) * 1000;
}

static void answer_take(struct name *name, uint64_t now_ms, const struct ares_addrinfo *answer)
{
    struct ip_addr addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t len = 0;

    for (const struct ares_addrinfo_node *node = answer->nodes;
         node && len < RESOLVER_ADDRESSES_MAX; node = node->ai_next)
        address_add(addresses, &len, node);
    name_cache_answer(name, now_ms, addresses, len, answer_ttl_ms(answer));
}

static void on_answer_v6(void *ctx, int status, int timeouts, struct ares_addrinfo *answer);

static void family_ask(struct name *name, int family, ares_addrinfo_callback on_answer)
{
    struct resolver *resolver = container_of(name->cache, struct resolver, cache);
    const struct ares_addrinfo_hints hints = {
        .ai_family = family,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT,
    };

    if (resolver->open++ == 0)
        loop_timer_set(resolver->loop, &resolver->timer, RESOLVER_TICK_MS);
    ares_getaddrinfo(resolver->channel, name->text.ptr, NULL, &hints, on_answer, name);
}

/* What a question ended with, for good. */
static void question_end(struct name *name, int status, struct ares_addrinfo *answer)
{
    struct resolver *resolver = container_of(name->cache, struct resolver, cache);
    uint64_t now_ms = loop_now_ms(resolver->loop);
    static const struct ip_addr nowhere;

    if (status == ARES_EDESTRUCTION)
        return;
    if (status == ARES_SUCCESS) {
        answer_take(name, now_ms, answer);
        ares_freeaddrinfo(answer);
        return;
    }
    log_limited(LOG_WARN, "name_not_resolved", F_SPAN("name", name->text),
                F_STR("error", ares_strerror(status)));
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        name_cache_answer(name, now_ms, &nowhere, 0, RESOLVER_FAILED_TTL_MS);
    else
        name_cache_miss(name, now_ms);
}

/* IPv6 is asked for only where IPv4 has nothing: a name server that never answers for the one holds up nobody who
 * uses the other, and no request is tried on addresses that a network of IPv4 does not reach. */
static void on_answer_v4(void *ctx, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct name *name = ctx;
    struct resolver *resolver = container_of(name->cache, struct resolver, cache);

    (void)timeouts;
    resolver->open--;
    if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        family_ask(name, AF_INET6, on_answer_v6);
    else
        question_end(name, status, answer);
}

static void on_answer_v6(void *ctx, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct name *name = ctx;
    struct resolver *resolver = container_of(name->cache, struct resolver, cache);

    (void)timeouts;
    resolver->open--;
    question_end(name, status, answer);
}

static void name_ask(struct name_cache *cache, struct name *name)
{
    (void)cache;
    family_ask(name, AF_INET, on_answer_v4);
}

/* ---- its life ---- */

int resolver_new(struct loop *loop, struct resolver **ret_resolver)
{
    struct resolver *resolver = mem_alloc_zero(sizeof(*resolver));
    struct ares_options options = {
        /* No TCP: a name server's connection is one for all questions, and whoever breaks it for one name
         * breaks it for all. As many addresses as are used fit into a datagram. */
        .flags = ARES_FLAG_IGNTC,         .timeout = RESOLVER_TIMEOUT_MS / 4, .tries = 2,
        .lookups = (char[]){ "b" }, /* DNS alone: the gate's own hosts file is not the tenants' */
        .sock_state_cb = on_socket_state, .sock_state_cb_data = resolver,
    };

    resolver->loop = loop;
    loop_timer_init(&resolver->timer, resolver_on_tick);
    name_cache_init(&resolver->cache, name_ask);
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++)
        resolver->sockets[i] = (struct resolver_socket){ { -1, 0, socket_on_events }, resolver };
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&resolver->channel, &options,
                          ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                              ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
        mem_free(resolver);
        return -EIO;
    }
    *ret_resolver = resolver;
    return 0;
}

struct resolver *resolver_free(struct resolver *resolver)
{
    if (!resolver)
        return NULL;
    ares_destroy(resolver->channel); /* ends open questions */
    ares_library_cleanup();
    loop_timer_cancel(&resolver->timer);
    name_cache_deinit(&resolver->cache);
    return mem_free(resolver);
}

void resolver_query_init(struct resolver_query *query,
                         void (*on_done)(struct resolver_query *query))
{
    list_init(&query->link);
    query->on_done = on_done;
}

void resolver_query_cancel(struct resolver_query *query)
{
    list_remove(&query->link);
}

int resolver_find(struct resolver *resolver, struct span name, struct resolver_query *query,
                  struct ip_addr *ret_ip)
{
    return name_cache_find(&resolver->cache, name, loop_now_ms(resolver->loop), query, ret_ip);
}
