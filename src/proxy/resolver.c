#include "proxy/resolver.h"

#include <ares.h>
#include <errno.h>
#include <netinet/in.h>

#include "base/bug.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"

/* c-ares asks for one descriptor per server and protocol. */
enum { RESOLVER_SOCKETS_MAX = 16, RESOLVER_TICK_MS = 100 };

struct resolver_socket {
    struct loop_watch watch;
    struct resolver *resolver;
};

struct name {
    struct resolver *resolver;
    struct span text; /* owned */
    struct ip_addr addresses[RESOLVER_ADDRESSES_MAX];
    uint32_t addresses_len;
    uint32_t turn;
    uint64_t expires_ms; /* of addresses, or of the knowledge that there are none */
    bool asked;          /* a query is on its way */
    bool known;          /* an answer came, good or bad */
    struct list waiting; /* struct resolver_query */
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct map names;
    struct resolver_socket sockets[RESOLVER_SOCKETS_MAX];
    struct loop_timer timer; /* c-ares' own time-outs, while questions are open */
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
    if (resolver->open > 0)
        loop_timer_set(resolver->loop, timer, RESOLVER_TICK_MS);
}

int resolver_new(struct loop *loop, struct resolver **ret_resolver)
{
    struct resolver *resolver = mem_alloc_zero(sizeof(*resolver));
    struct ares_options options = {
        .timeout = RESOLVER_TIMEOUT_MS / 4,
        .tries = 2,
        .lookups = (char[]){ "b" }, /* DNS alone: the gate's own hosts file is not the tenants' */
        .sock_state_cb = on_socket_state,
        .sock_state_cb_data = resolver,
    };

    resolver->loop = loop;
    loop_timer_init(&resolver->timer, resolver_on_tick);
    for (size_t i = 0; i < RESOLVER_SOCKETS_MAX; i++)
        resolver->sockets[i] = (struct resolver_socket){ { -1, 0, socket_on_events }, resolver };
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS ||
        ares_init_options(&resolver->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
                              ARES_OPT_SOCK_STATE_CB) != ARES_SUCCESS) {
        mem_free(resolver);
        return -EIO;
    }
    *ret_resolver = resolver;
    return 0;
}

static void name_free(struct name *name)
{
    mem_free((char *)name->text.ptr);
    mem_free(name);
}

struct resolver *resolver_free(struct resolver *resolver)
{
    struct name *name;
    size_t cursor = 0;

    if (!resolver)
        return NULL;
    ares_destroy(resolver->channel); /* ends open questions through on_answer() */
    ares_library_cleanup();
    loop_timer_cancel(&resolver->timer);
    while ((name = map_next(&resolver->names, &cursor)))
        name_free(name);
    map_deinit(&resolver->names);
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

static void address_add(struct name *name, const struct ares_addrinfo_node *node, int family)
{
    static const struct ip_addr v4_zero = { { [10] = 0xFF, [11] = 0xFF } };
    struct ip_addr *ip = &name->addresses[name->addresses_len];

    if (node->ai_family != family || name->addresses_len == RESOLVER_ADDRESSES_MAX)
        return;
    *ip = v4_zero;
    if (family == AF_INET)
        memcpy(ip->bytes + 12, &((const struct sockaddr_in *)(void *)node->ai_addr)->sin_addr, 4);
    else
        memcpy(ip->bytes, &((const struct sockaddr_in6 *)(void *)node->ai_addr)->sin6_addr, 16);
    /* Not every address that a stranger's record names is his: never our own. */
    if (!ip_is_loopback(ip))
        name->addresses_len++;
}

/* Takes the answer's addresses, IPv4 first. Returns their TTL in milliseconds. */
static uint64_t addresses_take(struct name *name, const struct ares_addrinfo *answer)
{
    uint64_t ttl_ms = RESOLVER_TTL_MAX_MS;

    name->addresses_len = 0;
    for (const struct ares_addrinfo_node *node = answer->nodes; node; node = node->ai_next) {
        address_add(name, node, AF_INET);
        ttl_ms = MIN(ttl_ms, (uint64_t)MAX(node->ai_ttl, 0) * 1000);
    }
    for (const struct ares_addrinfo_node *node = answer->nodes; node; node = node->ai_next)
        address_add(name, node, AF_INET6);
    return MAX(ttl_ms, (uint64_t)RESOLVER_TTL_MIN_MS);
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *answer)
{
    struct name *name = ctx;
    struct resolver *resolver = name->resolver;
    uint64_t ttl_ms = RESOLVER_FAILED_TTL_MS;

    (void)timeouts;
    name->asked = false;
    name->known = true;
    resolver->open--;
    if (status == ARES_SUCCESS)
        ttl_ms = addresses_take(name, answer);
    else if (status == ARES_ENOTFOUND || status == ARES_ENODATA)
        name->addresses_len = 0;
    /* Else nobody answered: what was known is better than nothing. */
    if (answer)
        ares_freeaddrinfo(answer);
    if (status != ARES_SUCCESS && status != ARES_EDESTRUCTION)
        log_limited(LOG_WARN, "name_not_resolved", F_SPAN("name", name->text),
                    F_STR("error", ares_strerror(status)));
    name->expires_ms = loop_now_ms(resolver->loop) + ttl_ms;
    if (status == ARES_EDESTRUCTION)
        return;
    while (!list_is_empty(&name->waiting)) {
        struct resolver_query *query = list_entry(name->waiting.next, struct resolver_query, link);

        list_remove(&query->link);
        query->on_done(query);
    }
}

static void name_ask(struct name *name)
{
    struct resolver *resolver = name->resolver;
    const struct ares_addrinfo_hints hints = {
        .ai_family = AF_UNSPEC,
        .ai_socktype = SOCK_STREAM,
        .ai_flags = ARES_AI_NOSORT,
    };

    if (name->asked)
        return;
    name->asked = true;
    if (resolver->open++ == 0)
        loop_timer_set(resolver->loop, &resolver->timer, RESOLVER_TICK_MS);
    ares_getaddrinfo(resolver->channel, name->text.ptr, NULL, &hints, on_answer, name);
}

/* Room for a new name: those whose knowledge ran out and that nobody waits for go. */
static bool room_make(struct resolver *resolver)
{
    uint64_t now_ms = loop_now_ms(resolver->loop);
    VEC(struct name *) old = { 0 };
    struct name *name;
    size_t cursor = 0;

    if (resolver->names.len < RESOLVER_NAMES_MAX)
        return true;
    while ((name = map_next(&resolver->names, &cursor))) {
        if (!name->asked && name->expires_ms < now_ms)
            vec_push(&old, name);
    }
    vec_for_each (it, &old) {
        map_remove(&resolver->names, (*it)->text);
        name_free(*it);
    }
    vec_deinit(&old);
    return resolver->names.len < RESOLVER_NAMES_MAX;
}

static struct name *name_get(struct resolver *resolver, struct span text)
{
    struct name *name = map_find(&resolver->names, text);

    if (name || !room_make(resolver))
        return name;
    char *copy = mem_alloc(text.len + 1);
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    name = mem_alloc_zero(sizeof(*name));
    name->resolver = resolver;
    name->text = span_of(copy, text.len);
    list_init(&name->waiting);
    map_put(&resolver->names, name->text, name);
    return name;
}

int resolver_find(struct resolver *resolver, struct span text, struct resolver_query *query,
                  struct ip_addr *ret_ip)
{
    struct name *name = name_get(resolver, text);

    if (!name)
        return RESOLVER_FAILED;
    if (!name->known || loop_now_ms(resolver->loop) >= name->expires_ms)
        name_ask(name);
    if (name->addresses_len > 0) {
        *ret_ip = name->addresses[name->turn++ % name->addresses_len];
        return RESOLVER_OK;
    }
    if (!name->asked)
        return RESOLVER_FAILED;
    list_push_back(&name->waiting, &query->link);
    return RESOLVER_WAIT;
}
