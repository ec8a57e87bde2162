#include "cli/rbac_flags.h"

/* What yett reads and writes, and where: docs/cluster.md has the same as a table, and deploy/ grants it. */

#define CORE         ""
#define COORDINATION "coordination.k8s.io"
#define DISCOVERY    "discovery.k8s.io"
#define NETWORKING   "networking.k8s.io"

static const char *const create[] = { "create", NULL };
static const char *const get[] = { "get", NULL };
static const char *const patch[] = { "patch", NULL };
static const char *const lease_verbs[] = { "get", "list", "watch", "patch", NULL };
static const char *const event_verbs[] = { "create", "get", "patch", NULL };

/* Status and Events come from the leader; without an election there is none. */
static bool writes_status(const struct rbac_flags *flags)
{
    return flags->update_status && !flags->disable_leader_election;
}

static bool publishes_nodes(const struct rbac_flags *flags)
{
    return writes_status(flags) && flags->publish_service.name.len == 0 &&
           flags->publish_status_address.len == 0;
}

static void routes_add(const struct rbac_flags *flags, struct rbac_role *role)
{
    rbac_rule_add(role, NETWORKING, "ingresses", rbac_list_watch);
    if (writes_status(flags))
        rbac_rule_add(role, NETWORKING, "ingresses/status", patch);
    rbac_rule_add(role, CORE, "services", rbac_list_watch);
    rbac_rule_add(role, DISCOVERY, "endpointslices", rbac_list_watch);
    if (!flags->disable_leader_election)
        rbac_rule_add(role, CORE, "events", event_verbs);
    if (flags->watch_secrets)
        rbac_rule_add(role, CORE, "secrets", rbac_list_watch);
}

static void cluster_add(const struct rbac_flags *flags, struct rbac *rbac)
{
    struct rbac_role *role = rbac_role_get(rbac, SPAN_EMPTY);

    rbac_rule_add(role, NETWORKING, "ingressclasses", rbac_list_watch);
    if (flags->namespace_selector.len > 0)
        rbac_rule_add(role, CORE, "namespaces", rbac_list_watch);
    if (publishes_nodes(flags))
        rbac_rule_add(role, CORE, "nodes", get);
    if (flags->meaning.watch_namespace.len == 0)
        routes_add(flags, role);
}

/* Creating cannot be bound to a name. */
static void own_add(const struct rbac_flags *flags, struct rbac *rbac)
{
    struct rbac_role *role;

    if (!flags->disable_leader_election) {
        role = rbac_role_get(rbac, flags->account.namespace);
        rbac_rule_add(role, COORDINATION, "leases", create);
        rbac_name_add(role, COORDINATION, "leases", lease_verbs, flags->election_id);
    }
    if (publishes_nodes(flags) || (writes_status(flags) && flags->update_status_on_shutdown)) {
        role = rbac_role_get(rbac, flags->account.namespace);
        rbac_rule_add(role, CORE, "pods", rbac_get_list_watch);
    }
}

static void named_add(struct rbac *rbac, const struct ingress_object_name *object,
                      const char *resource, const char *const *verbs)
{
    if (object->name.len > 0)
        rbac_name_add(rbac_role_get(rbac, object->namespace), CORE, resource, verbs, object->name);
}

/* Where one namespace is watched, the Service for what no rule takes may lie in another. Its EndpointSlices
 * have names of their own, so that they cannot be named here. */
static void default_backend_add(const struct rbac_flags *flags, struct rbac *rbac)
{
    const struct ingress_object_name *service = &flags->meaning.default_backend;
    struct span watched = flags->meaning.watch_namespace;

    if (service->name.len == 0 || watched.len == 0 || span_eq(watched, service->namespace))
        return;
    named_add(rbac, service, "services", rbac_list_watch);
    rbac_rule_add(rbac_role_get(rbac, service->namespace), DISCOVERY, "endpointslices",
                  rbac_list_watch);
}

void rbac_base(const struct rbac_flags *flags, struct rbac *rbac)
{
    cluster_add(flags, rbac);
    own_add(flags, rbac);
    if (flags->meaning.watch_namespace.len > 0)
        routes_add(flags, rbac_role_get(rbac, flags->meaning.watch_namespace));
    named_add(rbac, &flags->meaning.config_map, "configmaps", rbac_list_watch);
    named_add(rbac, &flags->meaning.tcp_services, "configmaps", rbac_list_watch);
    named_add(rbac, &flags->meaning.udp_services, "configmaps", rbac_list_watch);
    if (!flags->watch_secrets) {
        named_add(rbac, &flags->meaning.default_certificate, "secrets", rbac_list_watch);
        named_add(rbac, &flags->meaning.ticket_keys, "secrets", rbac_list_watch);
    }
    named_add(rbac, &flags->publish_service, "services", rbac_get_list_watch);
    default_backend_add(flags, rbac);
}
