#include "control/lease.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/json.h"
#include "control/api_object.h"

enum { RELEASED_DURATION_S = 1 }; /* 0 is not allowed; the holder being nobody is what counts */

bool lease_decode(struct arena *arena, struct span json, struct lease *ret_lease)
{
    static const char *const held[] = { "spec.holderIdentity", "spec.acquireTime",
                                        "spec.renewTime" };
    const struct kube_node *root = api_object_parse(arena, json);
    struct lease lease = {
        .resource_version = api_object_text(root, "metadata.resourceVersion"),
        .holder = api_object_text(root, "spec.holderIdentity"),
        .duration_s = api_object_u32(root, "spec.leaseDurationSeconds"),
        .transitions = api_object_u32(root, "spec.leaseTransitions"),
    };

    if (lease.resource_version.len == 0)
        return false;
    lease.record = hash_combine(lease.duration_s, lease.transitions);
    for (size_t i = 0; i < ARRAY_LEN(held); i++)
        lease.record = hash_combine(lease.record, hash_bytes(api_object_text(root, held[i]), i));
    *ret_lease = lease;
    return true;
}

/* MicroTime: six digits, neither more nor less. */
static void micro_time(struct buf *out, const char *key, uint64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(wall_ns, text);
    json_key(out, key);
    buf_printf(out, "\"%.*s%03uZ\"", CLOCK_RFC3339_LEN - 1, text,
               (unsigned)(wall_ns / 1000 % 1000));
}

static void spec_open(struct buf *out, struct span holder, uint32_t duration_s)
{
    json_open(out, "spec", '{');
    json_text(out, "holderIdentity", holder);
    json_u64(out, "leaseDurationSeconds", duration_s);
}

static void patch_open(struct buf *out, const struct lease *lease)
{
    json_open(out, NULL, '{');
    json_open(out, "metadata", '{');
    json_text(out, "resourceVersion", lease->resource_version);
    json_close(out, '}');
}

static void patch_close(struct buf *out)
{
    json_close(out, '}');
    json_close(out, '}');
}

void lease_encode_new(struct buf *out, struct span name, struct span holder, uint32_t duration_s,
                      uint64_t wall_ns)
{
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", SPAN("coordination.k8s.io/v1"));
    json_text(out, "kind", SPAN("Lease"));
    json_open(out, "metadata", '{');
    json_text(out, "name", name);
    json_close(out, '}');
    spec_open(out, holder, duration_s);
    micro_time(out, "acquireTime", wall_ns);
    micro_time(out, "renewTime", wall_ns);
    json_u64(out, "leaseTransitions", 0);
    patch_close(out);
}

void lease_encode_hold(struct buf *out, const struct lease *lease, struct span holder,
                       uint32_t duration_s, uint64_t wall_ns)
{
    patch_open(out, lease);
    spec_open(out, holder, duration_s);
    micro_time(out, "renewTime", wall_ns);
    if (!span_eq(lease->holder, holder)) {
        micro_time(out, "acquireTime", wall_ns);
        json_u64(out, "leaseTransitions", MIN(lease->transitions, (uint32_t)INT32_MAX - 1) + 1);
    }
    patch_close(out);
}

void lease_encode_release(struct buf *out, const struct lease *lease, uint64_t wall_ns)
{
    patch_open(out, lease);
    spec_open(out, SPAN_EMPTY, RELEASED_DURATION_S);
    micro_time(out, "renewTime", wall_ns);
    micro_time(out, "acquireTime", wall_ns);
    patch_close(out);
}
