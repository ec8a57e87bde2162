#include "kube/kinds.h"

static const char *const endpoint_known[] = {
    "addresses", "conditions", "hostname",           "targetRef", "nodeName",
    "zone",      "hints",      "deprecatedTopology", "topology",  NULL,
};
static const char *const conditions_known[] = { "ready", "serving", "terminating", NULL };
static const char *const port_known[] = { "name", "port", "protocol", "appProtocol", NULL };

static const char *const address_types[] = {
    [KUBE_ADDRESS_IPV4] = "IPv4", [KUBE_ADDRESS_IPV6] = "IPv6", [KUBE_ADDRESS_FQDN] = "FQDN", NULL
};

static bool port_read(const struct kube_field *field, struct kube_slice_port *ret_port)
{
    struct kube_slice_port port = { 0 };
    struct kube_field name = kube_field_get(field, "name");
    struct kube_field number = kube_field_get(field, "port");
    struct kube_field app_protocol = kube_field_get(field, "appProtocol");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write port: and a number here"))
        return false;
    kube_field_check_known(field, port_known, NULL);
    if (!kube_field_text(&name, &port.name) || !kube_field_port(&number, &port.port) ||
        !kube_decode_protocol(field, &port.protocol) ||
        !kube_field_text(&app_protocol, &port.app_protocol))
        return false;
    *ret_port = port;
    return true;
}

static void ports_read(const struct kube_field *list, struct kube_endpoint_slice *slice)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST, "begin each port with \"- \": - port: 80"))
        return;
    struct kube_slice_port *ports =
        arena_new_array(&list->reader->bundle->arena, struct kube_slice_port, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        slice->ports_len += port_read(&item, &ports[slice->ports_len]);
    }
    slice->ports = ports;
}

static bool conditions_read(const struct kube_field *endpoint_field, struct kube_endpoint *endpoint)
{
    struct kube_field conditions = kube_field_get(endpoint_field, "conditions");
    struct kube_field ready = kube_field_get(&conditions, "ready");
    struct kube_field serving = kube_field_get(&conditions, "serving");
    struct kube_field terminating = kube_field_get(&conditions, "terminating");

    endpoint->ready = true;
    endpoint->terminating = false;
    if (kube_field_is_set(&conditions) &&
        !kube_field_expect(&conditions, KUBE_NODE_MAP, "write conditions: {ready: true}"))
        return false;
    kube_field_check_known(&conditions, conditions_known, NULL);
    if (!kube_field_bool(&ready, &endpoint->ready))
        return false;
    endpoint->serving = endpoint->ready;
    return kube_field_bool(&serving, &endpoint->serving) &&
           kube_field_bool(&terminating, &endpoint->terminating);
}

static bool addresses_read(const struct kube_field *list, struct kube_endpoint *endpoint)
{
    if (!kube_field_require(list, KUBE_NODE_LIST, "write addresses: [\"10.0.0.1\"]"))
        return false;
    struct kube_text *addresses =
        arena_new_array(&list->reader->bundle->arena, struct kube_text, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        if (kube_field_require(&item, KUBE_NODE_STRING, "write the address in quotes"))
            endpoint->addresses_len += kube_field_text(&item, &addresses[endpoint->addresses_len]);
    }
    endpoint->addresses = addresses;
    if (list->node->len == 0)
        kube_field_report(list, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is empty"),
                          SPAN("write addresses: [\"10.0.0.1\"], or remove the endpoint"));
    return endpoint->addresses_len > 0;
}

static bool endpoint_read(const struct kube_field *field, struct kube_endpoint *ret_endpoint)
{
    struct kube_endpoint endpoint = { .pos = field->pos, .index = (uint32_t)field->index };
    struct kube_field addresses = kube_field_get(field, "addresses");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write addresses: [\"10.0.0.1\"] here"))
        return false;
    kube_field_check_known(field, endpoint_known, NULL);
    if (!addresses_read(&addresses, &endpoint) || !conditions_read(field, &endpoint))
        return false;
    *ret_endpoint = endpoint;
    return true;
}

static void endpoints_read(const struct kube_field *list, struct kube_endpoint_slice *slice)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST,
                           "begin each endpoint with \"- \": - addresses: [...]"))
        return;
    struct kube_endpoint *endpoints =
        arena_new_array(&list->reader->bundle->arena, struct kube_endpoint, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        slice->endpoints_len += endpoint_read(&item, &endpoints[slice->endpoints_len]);
    }
    slice->endpoints = endpoints;
}

/* A slice that is nobody's is legal; beside manifests it is most often a forgotten label. */
static void service_name_read(const struct kube_field *root, struct kube_object *object)
{
    const struct kube_text *label =
        kube_pairs_find(&object->labels, SPAN("kubernetes.io/service-name"));
    struct kube_field metadata = kube_field_get(root, "metadata");
    struct kube_field labels = kube_field_get(&metadata, "labels");

    if (label)
        object->endpoint_slice.service_name =
            (struct kube_text){ arena_dup(root->reader->keep, label->text), label->pos };
    else
        kube_field_report(&labels, DIAG_WARNING, DIAG_MISSING_FIELD,
                          SPAN("do not name a Service: the slice belongs to none"),
                          SPAN("add the label kubernetes.io/service-name: ..."));
}

bool kube_decode_endpoint_slice(const struct kube_field *root, struct kube_object *object)
{
    struct kube_endpoint_slice *slice = &object->endpoint_slice;
    struct kube_field address_type = kube_field_get(root, "addressType");
    struct kube_field ports = kube_field_get(root, "ports");
    struct kube_field endpoints = kube_field_get(root, "endpoints");
    size_t type = KUBE_ADDRESS_IPV4;

    if (!kube_field_require(&address_type, KUBE_NODE_STRING, "add addressType: IPv4 (or IPv6)"))
        return false;
    if (!kube_field_word(&address_type, address_types, &type))
        return false;
    slice->address_type = (enum kube_address_type)type;
    service_name_read(root, object);
    ports_read(&ports, slice);
    endpoints_read(&endpoints, slice);
    return true;
}
