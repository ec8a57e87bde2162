#include "control/writer.h"

#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "control/last_replica.h"
#include "control/sync_notes.h"

enum { IDENTITY_RANDOM_BYTES = 16, HOST_BYTES_MAX = 256 };

struct writer {
    struct loop *loop;
    struct api_client *client;
    struct source *source;
    const struct ingress_options *ingress;
    struct writer_options options;
    struct buf identity;
    struct span namespace; /* of the Lease, and of our Pod */

    struct leader *leader; /* NULL: nobody leads */
    struct status *status;
    struct status_addresses *addresses; /* while we lead */
    struct events *events;
    struct sync_notes notes;

    struct last_replica *last; /* at the end */
    struct loop_timer end_timer;
    void (*on_ended)(void *ctx);
    void *ended_ctx;
};

/* ---- who we are -------------------------------------------------------------------------------
 */

/* client-go's form, for processes that are in no Pod: no two are the same. */
static void identity_make(struct buf *out)
{
    unsigned char random[IDENTITY_RANDOM_BYTES] = { 0 };
    char host[HOST_BYTES_MAX] = "";

    (void)gethostname(host, sizeof(host) - 1);
    invariant(getrandom(random, sizeof(random), 0) == sizeof(random));
    buf_printf(out, "%s_", host);
    for (size_t i = 0; i < sizeof(random); i++)
        buf_printf(out, "%02x", random[i]);
}

static void identity_set(struct writer *writer)
{
    struct span of_client = api_client_namespace(writer->client);

    if (writer->options.pod_name.len)
        buf_append(&writer->identity, writer->options.pod_name);
    else
        identity_make(&writer->identity);
    writer->namespace = writer->options.pod_namespace;
    if (writer->namespace.len == 0)
        writer->namespace = of_client.len ? of_client : SPAN("default");
}

/* ---- leading ----------------------------------------------------------------------------------
 */

static void on_addresses(void *ctx, const struct address_list *list)
{
    struct writer *writer = ctx;

    status_set_addresses(writer->status, list);
}

static void addresses_find(struct writer *writer)
{
    const struct writer_options *options = &writer->options;

    writer->addresses =
        status_addresses_new(writer->loop, writer->client,
                             &(struct status_addresses_options){
                                 .fixed = options->status_address,
                                 .service_namespace = options->service_namespace,
                                 .service_name = options->service_name,
                                 .nodes = { .namespace = writer->namespace,
                                            .pod = options->pod_name,
                                            .internal = options->internal_addresses,
                                            .interval_ms = options->status_interval_ms },
                             },
                             on_addresses, writer);
}

static void syncs_tell(struct writer *writer)
{
    if (writer->options.has_sync_events && leader_is_leading(writer->leader))
        sync_notes_tell(&writer->notes, &writer->source->store, writer->ingress, writer->events);
    else if (!writer->options.has_sync_events || leader_has_followed(writer->leader))
        sync_notes_drop(&writer->notes);
}

static void on_leader_change(void *ctx, bool is_leading)
{
    struct writer *writer = ctx;

    if (writer->status) {
        status_set_active(writer->status, is_leading);
        writer->addresses = status_addresses_free(writer->addresses);
        if (is_leading)
            addresses_find(writer);
    }
    if (!is_leading) {
        events_end(writer->events);
        return;
    }
    events_begin(writer->events, leader_has_followed(writer->leader));
    syncs_tell(writer);
}

/* ---- what is told -----------------------------------------------------------------------------
 */

static void on_status(void *ctx, const struct kube_object *ingress)
{
    struct writer *writer = ctx;

    if (writer->status)
        status_on_status(writer->status, ingress);
}

void writer_on_change(struct writer *writer, const struct source_change *change)
{
    if (writer->status)
        status_on_change(writer->status, change);
    sync_notes_on_change(&writer->notes, change);
}

void writer_on_serving(struct writer *writer)
{
    sync_notes_on_serving(&writer->notes);
    if (writer->leader)
        syncs_tell(writer);
}

void writer_on_diags(struct writer *writer, const struct diag_list *diags)
{
    events_on_diags(writer->events, diags);
}

/* ---- the end ----------------------------------------------------------------------------------
 */

static void ended(void *ctx)
{
    struct writer *writer = ctx;

    loop_timer_cancel(&writer->end_timer);
    writer->on_ended(writer->ended_ctx);
}

static void on_end_timer(struct loop_timer *timer)
{
    struct writer *writer = container_of(timer, struct writer, end_timer);

    log_warn("writing_not_ended_in_time");
    writer->leader = leader_free(writer->leader);
    writer->on_ended(writer->ended_ctx);
}

static void release(void *ctx)
{
    struct writer *writer = ctx;

    leader_release(writer->leader, ended, writer);
}

static void on_last_answer(void *ctx, bool is_last)
{
    struct writer *writer = ctx;

    writer->last = last_replica_free(writer->last);
    if (!is_last) {
        log_info("status_not_cleared", F_STR("because", "another replica runs"));
        release(writer);
        return;
    }
    log_info("status_cleared_at_the_end");
    status_clear(writer->status, release, writer);
}

void writer_end(struct writer *writer, void (*on_ended)(void *ctx), void *ctx)
{
    bool clears = writer->status && writer->options.clears_status && writer->leader &&
                  leader_is_leading(writer->leader);

    writer->on_ended = on_ended;
    writer->ended_ctx = ctx;
    if (!writer->leader) {
        on_ended(ctx);
        return;
    }
    loop_timer_set(writer->loop, &writer->end_timer, clears ? WRITER_CLEAR_MS : WRITER_END_MS);
    if (!clears)
        release(writer);
    else if (writer->options.pod_name.len == 0)
        on_last_answer(writer, true); /* nobody can tell; another that leads would put them back */
    else
        writer->last = last_replica_ask(writer->client, writer->namespace, writer->options.pod_name,
                                        on_last_answer, writer);
}

/* ---- life -------------------------------------------------------------------------------------
 */

struct writer *writer_new(struct loop *loop, struct api_client *client, struct source *source,
                          const struct ingress_options *ingress,
                          const struct writer_options *options)
{
    struct writer *writer = mem_alloc_zero(sizeof(*writer));

    writer->loop = loop;
    writer->client = client;
    writer->source = source;
    writer->ingress = ingress;
    writer->options = *options;
    loop_timer_init(&writer->end_timer, on_end_timer);
    identity_set(writer);
    source->on_status = on_status;
    source->on_status_ctx = writer;
    writer->events = events_new(loop, client, source, ingress, buf_span(&writer->identity));
    if (options->has_status)
        writer->status = status_new(loop, client, source, ingress, options->status_interval_ms);
    if (options->elects)
        writer->leader = leader_new(loop, client,
                                    &(struct leader_options){
                                        .namespace = writer->namespace,
                                        .name = options->election_id,
                                        .identity = buf_span(&writer->identity),
                                        .ttl_ms = options->election_ttl_ms,
                                    },
                                    on_leader_change, writer);
    return writer;
}

struct writer *writer_free(struct writer *writer)
{
    if (!writer)
        return NULL;
    loop_timer_cancel(&writer->end_timer);
    writer->last = last_replica_free(writer->last);
    writer->leader = leader_free(writer->leader);
    writer->addresses = status_addresses_free(writer->addresses);
    writer->status = status_free(writer->status);
    writer->events = events_free(writer->events);
    writer->source->on_status = NULL;
    sync_notes_deinit(&writer->notes);
    buf_deinit(&writer->identity);
    return mem_free(writer);
}

struct writer_facts writer_facts(const struct writer *writer)
{
    return (struct writer_facts){
        .elects = writer->leader != NULL,
        .is_leading = writer->leader && leader_is_leading(writer->leader),
        .election_id = writer->options.election_id,
        .status = writer->status ? status_facts(writer->status) : (struct status_facts){ 0 },
        .events = events_facts(writer->events),
    };
}
