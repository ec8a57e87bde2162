#include "control/status_addresses.h"

#include "base/ip.h"
#include "base/log.h"
#include "base/scope.h"
#include "control/publish_service.h"
#include "kube/load_balancer.h"

enum { HOSTNAME_BYTES_MAX = 253, LABEL_BYTES_MAX = 63 };

struct status_addresses {
    struct loop *loop;
    struct span fixed;
    void (*on_change)(void *ctx, const struct address_list *list);
    void *ctx;
    struct publish_service *service;
    struct node_addresses *nodes;
    struct loop_task task;
    uint64_t told; /* hash of what was told last */
};

/* ---- what the flag names ----------------------------------------------------------------------
 */

static bool is_label(struct span label)
{
    if (label.len == 0 || label.len > LABEL_BYTES_MAX || label.ptr[0] == '-' ||
        label.ptr[label.len - 1] == '-')
        return false;
    for (size_t i = 0; i < label.len; i++) {
        char c = label.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return false;
    }
    return true;
}

/* RFC 1123 names in lower case, as the API server wants them. */
static bool is_hostname(struct span text)
{
    struct span label;

    if (text.len == 0 || text.len > HOSTNAME_BYTES_MAX || span_ends_with(text, SPAN(".")))
        return false;
    while (span_split(&text, '.', &label)) {
        if (!is_label(label))
            return false;
    }
    return true;
}

bool status_addresses_are_valid(struct span text, struct span *ret_wrong)
{
    struct span part;
    struct ip_addr ip;

    while (span_split(&text, ',', &part)) {
        part = span_trim(part);
        if (ip_parse(part, &ip) || is_hostname(part))
            continue;
        *ret_wrong = part;
        return false;
    }
    return true;
}

static void fixed_add(struct span text, struct address_list *list)
{
    struct span part;

    while (span_split(&text, ',', &part))
        address_list_add_text(list, span_trim(part));
}

/* ---- what is told -----------------------------------------------------------------------------
 */

static void on_addresses(void *ctx, const struct address_list *list)
{
    struct status_addresses *addresses = ctx;
    uint64_t hash = address_list_hash(list);

    if (list->items.len == 0) {
        log_limited(LOG_WARN, "status_address_missing",
                    F_STR("mend", "no status is changed until the Service, or the nodes of our "
                                  "ready Pods, have an address"));
        return;
    }
    if (hash == addresses->told)
        return;
    addresses->told = hash;
    addresses->on_change(addresses->ctx, list);
}

static void on_task(struct loop_task *task)
{
    struct status_addresses *addresses = container_of(task, struct status_addresses, task);
    SCOPED(address_list_deinit) struct address_list list;

    address_list_init(&list);
    fixed_add(addresses->fixed, &list);
    on_addresses(addresses, &list);
}

/* ---- life -------------------------------------------------------------------------------------
 */

static void source_choose(struct status_addresses *addresses, struct api_client *client,
                          const struct status_addresses_options *options)
{
    if (options->fixed.len)
        loop_task_queue(addresses->loop, &addresses->task);
    else if (options->service_name.len)
        addresses->service =
            publish_service_new(addresses->loop, client, options->service_namespace,
                                options->service_name, on_addresses, addresses);
    else if (options->nodes.pod.len)
        addresses->nodes =
            node_addresses_new(addresses->loop, client, &options->nodes, on_addresses, addresses);
    else
        log_warn("status_not_published",
                 F_STR("because", "it is not known where clients reach this gate"),
                 F_STR("mend", "give --publish-service or --publish-status-address; or "
                               "--update-status=false, if no status is wanted"));
}

struct status_addresses *status_addresses_new(
    struct loop *loop, struct api_client *client, const struct status_addresses_options *options,
    void (*on_change)(void *ctx, const struct address_list *list), void *ctx)
{
    struct status_addresses *addresses = mem_alloc_zero(sizeof(*addresses));

    addresses->loop = loop;
    addresses->fixed = options->fixed;
    addresses->on_change = on_change;
    addresses->ctx = ctx;
    addresses->told = KUBE_LOAD_BALANCER_NONE;
    loop_task_init(&addresses->task, on_task);
    source_choose(addresses, client, options);
    return addresses;
}

struct status_addresses *status_addresses_free(struct status_addresses *addresses)
{
    if (!addresses)
        return NULL;
    addresses->service = publish_service_free(addresses->service);
    addresses->nodes = node_addresses_free(addresses->nodes);
    loop_task_cancel(&addresses->task);
    return mem_free(addresses);
}
