/*
 *   want ──▶ QUEUED ──its turn──▶ ASKED ──answered, or out of reach──▶ SETTLED
 *               └───────────────────┴── not within SECRET_WATCH_WAIT_MS ──▶ SETTLED, and still asked
 *
 * One that nobody wants any more lingers, and is then dropped, from whatever state. With one watch for all
 * Secrets, it settles what is wanted at its first listing; what comes to be wanted later has been passed over
 * by then, and is asked for by name, once. */
#include "control/secret_watch.h"

#include "base/log.h"
#include "base/scope.h"
#include "control/api_feed.h"
#include "kube/pack.h"

enum entry_state { ENTRY_QUEUED, ENTRY_ASKED, ENTRY_SETTLED };

struct entry {
    struct secret_watch *watch;
    struct list link;        /* in `queued` while QUEUED; in `idle` while nobody wants it */
    struct list waited_link; /* in `waited` until it is settled */
    enum entry_state state;
    bool is_starting; /* counts in `starts` */
    bool is_forbidden;
    uint32_t refs;
    uint64_t wanted_ms, idle_ms; /* of the loop's clock: since when */
    struct api_feed *feed;
    struct span namespace, name; /* in `key` */
    size_t key_bytes;
    char key[]; /* "namespace/name" */
};

struct secret_watch {
    struct loop *loop;
    struct api_client *client;
    struct api_store *store;
    void (*on_news)(void *ctx);
    void *ctx;
    struct map entries;
    struct list queued, idle, waited; /* the last two: the longest first */
    struct loop_timer wait_timer, linger_timer;
    struct api_feed *wide; /* one for all; NULL: each by name */
    struct buf wide_namespace;
    bool is_wide_answered;
    uint32_t starts, unsettled, watched, forbidden;
};

static void queue_run(struct secret_watch *watch);

static void news_tell(struct secret_watch *watch)
{
    watch->on_news(watch->ctx);
}

/* ---- what is known of a Secret -----------------------------------------------------------------
 */

/* What stands for a Secret that cannot be read. */
static void stand_in_put(struct entry *entry, enum kube_secret_access access)
{
    struct kube_object stand_in = {
        .kind = KUBE_SECRET,
        .namespace = entry->namespace,
        .name = entry->name,
        .secret.access = access,
    };

    api_store_put(entry->watch->store, kube_object_pack(&stand_in));
}

/* One that was read before stays as it was, whatever the API server says of it now. */
static void out_of_reach(struct entry *entry, enum kube_secret_access access)
{
    const struct kube_object *known =
        api_store_find(entry->watch->store, KUBE_SECRET, entry->namespace, entry->name);

    if (!known || known->secret.access != KUBE_SECRET_READ)
        stand_in_put(entry, access);
}

static void start_end(struct entry *entry)
{
    if (!entry->is_starting)
        return;
    entry->is_starting = false;
    entry->watch->starts--;
    queue_run(entry->watch);
}

static void wait_end(struct entry *entry)
{
    struct secret_watch *watch = entry->watch;

    if (list_is_empty(&entry->waited_link))
        return;
    list_remove(&entry->waited_link);
    watch->unsettled--;
}

static void forbidden_set(struct entry *entry, bool is_forbidden)
{
    entry->watch->forbidden += is_forbidden;
    entry->watch->forbidden -= entry->is_forbidden;
    entry->is_forbidden = is_forbidden;
}

static void entry_settle(struct entry *entry)
{
    if (entry->refs > 0) /* else it lingers on */
        list_remove(&entry->link);
    entry->state = ENTRY_SETTLED;
    start_end(entry);
    wait_end(entry);
    news_tell(entry->watch);
}

/* ---- by name -----------------------------------------------------------------------------------
 */

static void feed_drop(struct entry *entry)
{
    entry->watch->watched -= entry->feed != NULL;
    entry->feed = api_feed_free(entry->feed);
}

/* A Secret that does not exist has no stand-in: it is missing, and that is said. */
static void stand_in_remove(struct entry *entry)
{
    const struct kube_object *known =
        api_store_find(entry->watch->store, KUBE_SECRET, entry->namespace, entry->name);

    if (known && known->secret.access != KUBE_SECRET_READ)
        api_store_remove(entry->watch->store, KUBE_SECRET, entry->namespace, entry->name);
}

static void on_entry_synced(void *ctx, struct api_feed *feed)
{
    struct entry *entry = ctx;

    (void)feed;
    forbidden_set(entry, false);
    stand_in_remove(entry);
    if (entry->watch->wide) {
        api_feed_spare(entry->watch->wide, entry->namespace, entry->name);
        feed_drop(entry); /* asked for once: the watch of all goes on with it */
    }
    entry_settle(entry);
}

static void on_entry_trouble(void *ctx, struct api_feed *feed)
{
    struct entry *entry = ctx;
    const struct reflector_facts *facts = api_feed_facts(feed);

    if (facts->is_in_step)
        return;
    log_limited(LOG_WARN, "secret_watch_failed", F_SPAN("namespace", entry->namespace),
                F_SPAN("name", entry->name), F_UINT("status", facts->status),
                F_SPAN("message", facts->message));
    if (!api_feed_is_forbidden(feed))
        return;
    forbidden_set(entry, true);
    out_of_reach(entry, KUBE_SECRET_FORBIDDEN);
    entry_settle(entry);
}

static void on_entry_object(void *ctx, struct kube_object *secret)
{
    struct entry *entry = ctx;

    api_store_put(entry->watch->store, secret);
    entry_settle(entry);
}

static void on_entry_gone(void *ctx, struct span namespace, struct span name)
{
    struct entry *entry = ctx;

    (void)namespace;
    (void)name;
    news_tell(entry->watch);
}

static const struct api_feed_events entry_events = {
    .on_object = on_entry_object,
    .on_gone = on_entry_gone,
    .on_synced = on_entry_synced,
    .on_trouble = on_entry_trouble,
};

static void entry_ask(struct entry *entry)
{
    struct secret_watch *watch = entry->watch;
    struct api_feed_options options = {
        .kind = KUBE_SECRET,
        .scope = { .namespace = entry->namespace, .name = entry->name },
    };

    list_remove(&entry->link);
    entry->state = ENTRY_ASKED;
    entry->is_starting = true;
    watch->starts++;
    watch->watched++;
    entry->feed =
        api_feed_new(watch->loop, watch->client, watch->store, &options, &entry_events, entry);
}

/* With one watch for all, its first listing answers for those that wait. */
static void queue_run(struct secret_watch *watch)
{
    while (watch->starts < SECRET_WATCH_STARTS_MAX && !list_is_empty(&watch->queued)) {
        if (watch->wide && !watch->is_wide_answered)
            return;
        struct entry *entry = list_entry(watch->queued.next, struct entry, link);
        if (watch->watched >= SECRET_WATCHES_MAX) {
            out_of_reach(entry, KUBE_SECRET_TOO_MANY);
            entry_settle(entry);
            continue;
        }
        entry_ask(entry);
    }
}

/* ---- time --------------------------------------------------------------------------------------
 */

static void timer_set(struct secret_watch *watch, struct loop_timer *timer, uint64_t at_ms)
{
    uint64_t now_ms = loop_now_ms(watch->loop);

    loop_timer_set(watch->loop, timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

/* Whoever waits for it waits no longer; it is asked for all the same. */
static void on_wait_over(struct loop_timer *timer)
{
    struct secret_watch *watch = container_of(timer, struct secret_watch, wait_timer);

    while (!list_is_empty(&watch->waited)) {
        struct entry *entry = list_entry(watch->waited.next, struct entry, waited_link);
        uint64_t end_ms = entry->wanted_ms + SECRET_WATCH_WAIT_MS;
        if (end_ms > loop_now_ms(watch->loop)) {
            timer_set(watch, &watch->wait_timer, end_ms);
            return;
        }
        log_limited(LOG_WARN, "secret_not_answered", F_SPAN("namespace", entry->namespace),
                    F_SPAN("name", entry->name));
        out_of_reach(entry, KUBE_SECRET_UNANSWERED);
        wait_end(entry);
        news_tell(watch);
    }
}

static void entry_free(struct entry *entry)
{
    struct secret_watch *watch = entry->watch;

    map_remove(&watch->entries, span_of(entry->key, entry->key_bytes));
    list_remove(&entry->link);
    watch->starts -= entry->is_starting;
    watch->unsettled -= !list_is_empty(&entry->waited_link);
    list_remove(&entry->waited_link);
    forbidden_set(entry, false);
    feed_drop(entry);
    mem_free(entry);
}

static void on_linger_over(struct loop_timer *timer)
{
    struct secret_watch *watch = container_of(timer, struct secret_watch, linger_timer);

    while (!list_is_empty(&watch->idle)) {
        struct entry *entry = list_entry(watch->idle.next, struct entry, link);
        uint64_t end_ms = entry->idle_ms + SECRET_WATCH_LINGER_MS;
        if (end_ms > loop_now_ms(watch->loop)) {
            timer_set(watch, &watch->linger_timer, end_ms);
            break;
        }
        api_store_forget(watch->store, KUBE_SECRET, entry->namespace, entry->name);
        entry_free(entry);
    }
    queue_run(watch);
    news_tell(watch);
}

/* ---- who wants it ------------------------------------------------------------------------------
 */

static void key_make(struct buf *key, struct span namespace, struct span name)
{
    buf_append(key, namespace);
    buf_append_byte(key, '/');
    buf_append(key, name);
}

static struct entry *entry_find(const struct secret_watch *watch, struct span namespace,
                                struct span name)
{
    SCOPED(buf_deinit) struct buf key = { 0 };

    key_make(&key, namespace, name);
    return map_find(&watch->entries, buf_span(&key));
}

static struct entry *entry_new(struct secret_watch *watch, struct span namespace, struct span name)
{
    SCOPED(buf_deinit) struct buf key = { 0 };

    key_make(&key, namespace, name);
    struct entry *entry = mem_alloc_zero(sizeof(*entry) + key.len);
    memcpy(entry->key, key.ptr, key.len);
    entry->key_bytes = key.len;
    entry->watch = watch;
    entry->namespace = span_of(entry->key, namespace.len);
    entry->name = span_of(entry->key + namespace.len + 1, name.len);
    entry->wanted_ms = loop_now_ms(watch->loop);
    list_init(&entry->link);
    list_init(&entry->waited_link);
    map_put(&watch->entries, span_of(entry->key, entry->key_bytes), entry);
    list_push_back(&watch->queued, &entry->link);
    list_push_back(&watch->waited, &entry->waited_link);
    watch->unsettled++;
    if (!loop_timer_is_set(&watch->wait_timer))
        loop_timer_set(watch->loop, &watch->wait_timer, SECRET_WATCH_WAIT_MS);
    return entry;
}

static void entry_linger(struct entry *entry)
{
    struct secret_watch *watch = entry->watch;

    list_remove(&entry->link);
    list_push_back(&watch->idle, &entry->link);
    entry->idle_ms = loop_now_ms(watch->loop);
    if (!loop_timer_is_set(&watch->linger_timer))
        loop_timer_set(watch->loop, &watch->linger_timer, SECRET_WATCH_LINGER_MS);
}

/* Wanted again: back to where it was before it lingered. */
static void entry_revive(struct entry *entry)
{
    list_remove(&entry->link);
    if (entry->state == ENTRY_QUEUED)
        list_push_back(&entry->watch->queued, &entry->link);
}

void secret_watch_want(struct secret_watch *watch, struct span namespace, struct span name)
{
    struct entry *entry = entry_find(watch, namespace, name);

    if (!entry)
        entry = entry_new(watch, namespace, name);
    else if (entry->refs == 0)
        entry_revive(entry);
    entry->refs++;
    queue_run(watch);
}

void secret_watch_unwant(struct secret_watch *watch, struct span namespace, struct span name)
{
    struct entry *entry = entry_find(watch, namespace, name);

    if (entry && entry->refs > 0 && --entry->refs == 0)
        entry_linger(entry);
}

void secret_watch_recount_begin(struct secret_watch *watch)
{
    struct entry *entry;

    for (size_t at = 0; (entry = map_next(&watch->entries, &at));) {
        if (entry->refs > 0)
            entry_linger(entry);
        entry->refs = 0;
    }
}

/* Those that nobody named are lingering already. */
void secret_watch_recount_end(struct secret_watch *watch)
{
    queue_run(watch);
}

bool secret_watch_is_settled(const struct secret_watch *watch, struct span namespace,
                             struct span name)
{
    const struct entry *entry = entry_find(watch, namespace, name);

    return !entry || list_is_empty(&entry->waited_link);
}

bool secret_watch_are_settled(const struct secret_watch *watch)
{
    return watch->unsettled == 0;
}

/* ---- one watch for all -------------------------------------------------------------------------
 */

static bool wide_wants(void *ctx, struct span namespace, struct span name)
{
    return entry_find(ctx, namespace, name) != NULL;
}

static void on_wide_object(void *ctx, struct kube_object *secret)
{
    struct secret_watch *watch = ctx;

    api_store_put(watch->store, secret);
    news_tell(watch);
}

static void on_wide_gone(void *ctx, struct span namespace, struct span name)
{
    (void)namespace;
    (void)name;
    news_tell(ctx);
}

static bool is_in_wide(const struct secret_watch *watch, const struct entry *entry)
{
    return watch->wide_namespace.len == 0 ||
           span_eq(buf_span(&watch->wide_namespace), entry->namespace);
}

/* What waited for the first listing has been told by it, or is not there. Others are asked for by name. */
static void wide_answered(struct secret_watch *watch, bool is_forbidden)
{
    watch->is_wide_answered = true;
    list_for_each_safe (link, &watch->queued) {
        struct entry *entry = list_entry(link, struct entry, link);
        if (!is_in_wide(watch, entry))
            continue;
        if (is_forbidden)
            out_of_reach(entry, KUBE_SECRET_FORBIDDEN);
        forbidden_set(entry, is_forbidden);
        entry_settle(entry);
    }
    queue_run(watch);
}

/* A listing that came after one that was forbidden has swept the stand-ins. */
static void on_wide_synced(void *ctx, struct api_feed *feed)
{
    struct secret_watch *watch = ctx;
    struct entry *entry;

    (void)feed;
    for (size_t at = 0; (entry = map_next(&watch->entries, &at));)
        forbidden_set(entry, false);
    wide_answered(watch, false);
    news_tell(watch);
}

static void on_wide_trouble(void *ctx, struct api_feed *feed)
{
    struct secret_watch *watch = ctx;
    const struct reflector_facts *facts = api_feed_facts(feed);

    if (facts->is_in_step)
        return;
    log_warn("secrets_watch_failed", F_UINT("status", facts->status),
             F_SPAN("message", facts->message));
    if (api_feed_is_forbidden(feed) && !facts->is_synced)
        wide_answered(watch, true);
}

static const struct api_feed_events wide_events = {
    .wants = wide_wants,
    .on_object = on_wide_object,
    .on_gone = on_wide_gone,
    .on_synced = on_wide_synced,
    .on_trouble = on_wide_trouble,
};

void secret_watch_widen(struct secret_watch *watch, struct span namespace)
{
    struct api_feed_options options = { .kind = KUBE_SECRET, .scope.namespace = namespace };

    buf_append(&watch->wide_namespace, namespace);
    watch->wide =
        api_feed_new(watch->loop, watch->client, watch->store, &options, &wide_events, watch);
}

/* ---- life --------------------------------------------------------------------------------------
 */

struct secret_watch *secret_watch_new(struct loop *loop, struct api_client *client,
                                      struct api_store *store, void (*on_news)(void *ctx),
                                      void *ctx)
{
    struct secret_watch *watch = mem_alloc_zero(sizeof(*watch));

    watch->loop = loop;
    watch->client = client;
    watch->store = store;
    watch->on_news = on_news;
    watch->ctx = ctx;
    list_init(&watch->queued);
    list_init(&watch->idle);
    list_init(&watch->waited);
    loop_timer_init(&watch->wait_timer, on_wait_over);
    loop_timer_init(&watch->linger_timer, on_linger_over);
    return watch;
}

struct secret_watch *secret_watch_free(struct secret_watch *watch)
{
    struct entry *entry;
    size_t at;

    if (!watch)
        return NULL;
    loop_timer_cancel(&watch->wait_timer);
    loop_timer_cancel(&watch->linger_timer);
    while ((at = 0, entry = map_next(&watch->entries, &at)))
        entry_free(entry);
    map_deinit(&watch->entries);
    api_feed_free(watch->wide);
    buf_deinit(&watch->wide_namespace);
    return mem_free(watch);
}

void secret_watch_hurry(struct secret_watch *watch)
{
    struct entry *entry;

    if (watch->wide)
        api_feed_hurry(watch->wide, SECRET_WATCH_HURRY_MS);
    for (size_t at = 0; (entry = map_next(&watch->entries, &at));) {
        if (entry->feed)
            api_feed_hurry(entry->feed, SECRET_WATCH_HURRY_MS);
    }
}

struct secret_watch_facts secret_watch_facts(const struct secret_watch *watch)
{
    return (struct secret_watch_facts){
        .wanted = (uint32_t)watch->entries.len,
        .watched = watch->watched,
        .unsettled = watch->unsettled,
        .forbidden = watch->forbidden,
    };
}
