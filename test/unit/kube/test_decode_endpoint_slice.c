#include "fixture.h"

#define SLICE                                                \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n" \
    "metadata: {name: web-1, labels: {kubernetes.io/service-name: web}}\n"

static void test_reads_every_field(void **state)
{
    (void)state;
    BUNDLE *bundle =
        fixture_decode(SLICE "addressType: IPv6\n"
                             "ports:\n"
                             "- {name: http, port: 80, protocol: TCP, appProtocol: h2c}\n"
                             "- {name: ''}\n"
                             "endpoints:\n"
                             "- addresses: [\"fd00::1\", \"fd00::2\"]\n"
                             "  conditions: {ready: false, serving: true, terminating: true}\n"
                             "  nodeName: n\n"
                             "- addresses: [\"fd00::3\"]\n");

    fixture_assert_diags(bundle, "");
    const struct kube_endpoint_slice *slice = &fixture_object(bundle)->endpoint_slice;
    fixture_assert_span(slice->service_name.text, "web");
    assert_int_equal(slice->address_type, KUBE_ADDRESS_IPV6);
    assert_int_equal(slice->ports_len, 2);
    assert_int_equal(slice->ports[0].port, 80);
    fixture_assert_span(slice->ports[0].app_protocol.text, "h2c");
    assert_int_equal(slice->ports[1].port, 0);
    assert_int_equal(slice->endpoints_len, 2);
    assert_int_equal(slice->endpoints[0].addresses_len, 2);
    fixture_assert_span(slice->endpoints[0].addresses[1].text, "fd00::2");
    assert_int_equal(slice->endpoints[1].index, 1);
}

static const struct {
    const char *conditions;
    bool ready, serving, terminating;
} conditions[] = {
    { "", true, true, false },
    { "conditions: ~", true, true, false },
    { "conditions: {}", true, true, false },
    { "conditions: {ready: ~}", true, true, false },
    { "conditions: {ready: false}", false, false, false },
    { "conditions: {ready: false, serving: true, terminating: true}", false, true, true },
    { "conditions: {serving: false}", true, false, false },
    { "conditions: {ready: no}", false, false, false },
};

static void test_conditions_that_are_unset_mean_ready(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conditions); i++) {
        struct buf text = { 0 };
        buf_printf(&text, SLICE "addressType: IPv4\nendpoints:\n- addresses: [10.0.0.1]\n  %s\n",
                   conditions[i].conditions);
        BUNDLE *bundle = kube_bundle_decode(buf_span(&text), SPAN("t.yaml"));
        buf_deinit(&text);
        print_message("%s\n", conditions[i].conditions);
        fixture_assert_diags(bundle, "");
        const struct kube_endpoint *endpoint = &fixture_object(bundle)->endpoint_slice.endpoints[0];
        assert_int_equal(endpoint->ready, conditions[i].ready);
        assert_int_equal(endpoint->serving, conditions[i].serving);
        assert_int_equal(endpoint->terminating, conditions[i].terminating);
    }
}

static const struct {
    const char *text, *diags;
    size_t objects, endpoints, ports;
} faults[] = {
    { SLICE, "error missing-field 1:1 addressType\n", 0, 0, 0 },
    { SLICE "addressType: ipv4\n", "error invalid-value 4:14 addressType\n", 0, 0, 0 },
    { SLICE "addressType: IPv4\nports: ~\nendpoints: ~\n", "", 1, 0, 0 },
    { SLICE "addressType: IPv4\nendpoints: {}\nports: {}\n",
      "error wrong-type 6:8 ports\nerror wrong-type 5:12 endpoints\n", 1, 0, 0 },
    { SLICE "addressType: IPv4\nendpoints: [{}, {addresses: []}, {addresses: [1, 10.0.0.1]}]\n",
      "error missing-field 5:13 endpoints[0].addresses\nerror missing-field 5:29 "
      "endpoints[1].addresses\n"
      "error wrong-type 5:47 endpoints[2].addresses[0]\n",
      1, 1, 0 },
    { SLICE "addressType: IPv4\nendpoints: [{addresses: [a], conditions: {ready: \"true\"}}]\n",
      "error wrong-type 5:50 endpoints[0].conditions.ready\n", 1, 0, 0 },
    { SLICE "addressType: IPv4\nports: [{port: http}, {port: 80}]\n",
      "error wrong-type 5:16 ports[0].port\n", 1, 0, 1 },
    { "apiVersion: discovery.k8s.io/v1beta1\nkind: EndpointSlice\nmetadata: {name: a}\n"
      "addressType: IPv4\nendpoints: [{addresses: [a], topology: {kubernetes.io/hostname: n}}]\n",
      "warning outdated-api 1:13 apiVersion\nwarning missing-field 3:11 metadata.labels\n", 1, 1,
      0 },
};

static void test_a_fault_costs_its_endpoint_or_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        BUNDLE *bundle = fixture_decode(faults[i].text);
        print_message("%s\n", faults[i].text);
        fixture_assert_diags(bundle, faults[i].diags);
        assert_int_equal(bundle->objects.len, faults[i].objects);
        if (!faults[i].objects)
            continue;
        assert_int_equal(bundle->objects.items[0].endpoint_slice.endpoints_len,
                         faults[i].endpoints);
        assert_int_equal(bundle->objects.items[0].endpoint_slice.ports_len, faults[i].ports);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_conditions_that_are_unset_mean_ready),
        cmocka_unit_test(test_a_fault_costs_its_endpoint_or_port),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
