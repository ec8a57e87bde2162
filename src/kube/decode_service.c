#include "base/num.h"
#include "kube/kinds.h"

static const char *const spec_known[] = {
    "ports",
    "type",
    "clusterIP",
    "clusterIPs",
    "externalName",
    "selector",
    "externalIPs",
    "sessionAffinity",
    "sessionAffinityConfig",
    "loadBalancerIP",
    "loadBalancerSourceRanges",
    "loadBalancerClass",
    "allocateLoadBalancerNodePorts",
    "externalTrafficPolicy",
    "internalTrafficPolicy",
    "healthCheckNodePort",
    "publishNotReadyAddresses",
    "ipFamily",
    "ipFamilies",
    "ipFamilyPolicy",
    "topologyKeys",
    "trafficDistribution",
    NULL,
};

static const char *const port_known[] = { "name",        "port",     "targetPort", "protocol",
                                          "appProtocol", "nodePort", NULL };

static const char *const types[] = {
    [KUBE_SERVICE_CLUSTER_IP] = "ClusterIP",
    [KUBE_SERVICE_NODE_PORT] = "NodePort",
    [KUBE_SERVICE_LOAD_BALANCER] = "LoadBalancer",
    [KUBE_SERVICE_EXTERNAL_NAME] = "ExternalName",
    NULL,
};

static const char *const protocols[] = {
    [KUBE_TCP] = "TCP", [KUBE_UDP] = "UDP", [KUBE_SCTP] = "SCTP", NULL
};

bool kube_decode_protocol(const struct kube_field *port, enum kube_protocol *ret_protocol)
{
    struct kube_field field = kube_field_get(port, "protocol");
    size_t protocol = KUBE_TCP;

    if (!kube_field_word(&field, protocols, &protocol))
        return false;
    *ret_protocol = (enum kube_protocol)protocol;
    return true;
}

/* int-or-string. A number in quotes would be looked up as a name, which it cannot be. */
static bool target_read(const struct kube_field *port_field, struct kube_service_port *port)
{
    struct kube_field target = kube_field_get(port_field, "targetPort");

    if (!kube_field_is_set(&target))
        return true;
    if (target.node->kind != KUBE_NODE_STRING)
        return kube_field_port(&target, &port->target_number);
    if (num_parse_port(target.node->text, &port->target_number)) {
        kube_field_report(&target, DIAG_WARNING, DIAG_WRONG_TYPE,
                          SPAN("is a number in quotes, which Kubernetes takes for a port's name"),
                          kube_field_printf(&target, "remove the quotes: %u", port->target_number));
        return true;
    }
    return kube_field_text(&target, &port->target_name);
}

static bool port_read(const struct kube_field *field, struct kube_service_port *ret_port)
{
    struct kube_service_port port = { .pos = field->pos };
    struct kube_field name = kube_field_get(field, "name");
    struct kube_field number = kube_field_get(field, "port");
    struct kube_field app_protocol = kube_field_get(field, "appProtocol");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write port: and a number here"))
        return false;
    kube_field_check_known(field, port_known, NULL);
    if (!kube_field_is_set(&number)) {
        kube_field_report(&number, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
                          SPAN("write port: and a number from 1 to 65535"));
        return false;
    }
    if (!kube_field_text(&name, &port.name) || !kube_field_port(&number, &port.port) ||
        !target_read(field, &port) || !kube_decode_protocol(field, &port.protocol) ||
        !kube_field_text(&app_protocol, &port.app_protocol))
        return false;
    *ret_port = port;
    return true;
}

static void ports_read(const struct kube_field *list, struct kube_service *service)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST, "begin each port with \"- \": - port: 80"))
        return;
    struct kube_service_port *ports =
        arena_new_array(&list->reader->bundle->arena, struct kube_service_port, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        service->ports_len += port_read(&item, &ports[service->ports_len]);
    }
    service->ports = ports;
}

bool kube_decode_service(const struct kube_field *root, struct kube_object *object)
{
    struct kube_service *service = &object->service;
    struct kube_field spec = kube_field_get(root, "spec");
    struct kube_field type = kube_field_get(&spec, "type");
    struct kube_field cluster_ip = kube_field_get(&spec, "clusterIP");
    struct kube_field external_name = kube_field_get(&spec, "externalName");
    struct kube_field ports = kube_field_get(&spec, "ports");
    size_t type_index = KUBE_SERVICE_CLUSTER_IP;

    if (!kube_field_require(&spec, KUBE_NODE_MAP, "add \"spec:\" with ports"))
        return false;
    kube_field_check_known(&spec, spec_known, NULL);
    if (!kube_field_word(&type, types, &type_index) ||
        !kube_field_text(&cluster_ip, &service->cluster_ip) ||
        !kube_field_text(&external_name, &service->external_name))
        return false;
    service->type = (enum kube_service_type)type_index;
    ports_read(&ports, service);
    return true;
}
