#include "cli/writing.h"

enum {
    ELECTION_TTL_MS = 30 * 1000,
    STATUS_INTERVAL_MS = 60 * 1000,
    STATUS_INTERVAL_MIN_MS = 5 * 1000, /* as in ingress-nginx, which takes less for as much */
    NAME_BYTES_MAX = 253,
};

struct writing_flags writing_flags_default(void)
{
    return (struct writing_flags){
        .election_id = SPAN("ingress-controller-leader"),
        .election_ttl_ms = ELECTION_TTL_MS,
        .update_status = true,
        .status_interval_ms = STATUS_INTERVAL_MS,
    };
}

/* A name of an object: RFC 1123, as far as it could break out of a path. */
static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-' && c != '.')
            return false;
    }
    return text.len > 0 && text.len <= NAME_BYTES_MAX;
}

/* ingress-nginx takes 0 for the default. */
static uint32_t ttl_ms(const struct writing_flags *flags)
{
    return flags->election_ttl_ms ? flags->election_ttl_ms : ELECTION_TTL_MS;
}

bool writing_check(const struct writing_flags *flags, struct buf *error)
{
    struct span wrong;

    if (!is_name(flags->election_id))
        buf_printf(error,
                   "--election-id: '" SPAN_FMT "' is no name of a Lease; give lower-case letters, "
                   "digits, - and .",
                   SPAN_ARG(flags->election_id));
    else if (ttl_ms(flags) < LEADER_TTL_MIN_MS || ttl_ms(flags) > LEADER_TTL_MAX_MS)
        buf_printf(error, "--election-ttl is out of range; give a time from 2s to 1h");
    else if (flags->publish_service.name.len && flags->publish_status_address.len)
        buf_printf(error, "--publish-service and --publish-status-address both say where clients "
                          "reach us; give one of them");
    else if (flags->publish_service.name.len &&
             (!is_name(flags->publish_service.namespace) || !is_name(flags->publish_service.name)))
        buf_printf(error,
                   "--publish-service: '" SPAN_FMT "/" SPAN_FMT "' is no Service; give "
                   "NAMESPACE/NAME",
                   SPAN_ARG(flags->publish_service.namespace),
                   SPAN_ARG(flags->publish_service.name));
    else if (!status_addresses_are_valid(flags->publish_status_address, &wrong))
        buf_printf(error,
                   "--publish-status-address: '" SPAN_FMT "' is neither an IP address nor a host "
                   "name in lower case; give such as 192.0.2.1,gate.example.com",
                   SPAN_ARG(wrong));
    return error->len == 0;
}

bool writing_is_given(const struct writing_flags *flags)
{
    const struct writing_flags usual = writing_flags_default();

    return !span_eq(flags->election_id, usual.election_id) ||
           flags->election_ttl_ms != usual.election_ttl_ms || flags->no_election ||
           flags->update_status != usual.update_status || flags->update_status_on_shutdown ||
           flags->status_interval_ms != usual.status_interval_ms ||
           flags->publish_service.name.len || flags->publish_status_address.len ||
           flags->report_internal || flags->no_sync_events;
}

struct writer_options writing_options(const struct writing_flags *flags, struct span pod_name,
                                      struct span pod_namespace)
{
    return (struct writer_options){
        .elects = !flags->no_election,
        .election_id = flags->election_id,
        .election_ttl_ms = ttl_ms(flags),
        .has_status = flags->update_status,
        .clears_status = flags->update_status_on_shutdown,
        .status_interval_ms = MAX(flags->status_interval_ms, (uint32_t)STATUS_INTERVAL_MIN_MS),
        .status_address = flags->publish_status_address,
        .service_namespace = flags->publish_service.namespace,
        .service_name = flags->publish_service.name,
        .internal_addresses = flags->report_internal,
        .has_sync_events = !flags->no_sync_events,
        .pod_name = pod_name,
        .pod_namespace = pod_namespace,
    };
}
