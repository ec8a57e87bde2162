#include "fixture.h"

#define SERVICE "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n"

static void test_reads_every_field(void **state)
{
    (void)state;
    BUNDLE *bundle =
        fixture_decode(SERVICE "spec:\n"
                               "  type: ExternalName\n"
                               "  externalName: a.example\n"
                               "  clusterIP: None\n"
                               "  ports:\n"
                               "  - {name: http, port: 80, targetPort: 8080}\n"
                               "  - {name: dns, port: 53, targetPort: dns, protocol: UDP}\n"
                               "  - {port: 443, appProtocol: https}\n");

    fixture_assert_diags(bundle, "");
    const struct kube_object *object = fixture_object(bundle);
    const struct kube_service *service = &object->service;
    fixture_assert_span(object->namespace, "default");
    assert_int_equal(service->type, KUBE_SERVICE_EXTERNAL_NAME);
    fixture_assert_span(service->external_name.text, "a.example");
    fixture_assert_span(service->cluster_ip.text, "None");
    assert_int_equal(service->ports_len, 3);
    fixture_assert_span(service->ports[0].name.text, "http");
    assert_int_equal(service->ports[0].port, 80);
    assert_int_equal(service->ports[0].target_number, 8080);
    assert_int_equal(service->ports[0].protocol, KUBE_TCP);
    assert_int_equal(service->ports[1].protocol, KUBE_UDP);
    assert_int_equal(service->ports[1].target_number, 0);
    fixture_assert_span(service->ports[1].target_name.text, "dns");
    assert_int_equal(service->ports[2].target_number, 0);
    assert_false(kube_text_is_set(&service->ports[2].target_name));
    fixture_assert_span(service->ports[2].app_protocol.text, "https");
}

static const struct {
    const char *what, *text, *diags;
    size_t ports;
} faults[] = {
    { "no ports, as a selectorless headless Service may have", SERVICE "spec: {clusterIP: None}",
      "", 0 },
    { "ports a map", SERVICE "spec: {ports: {port: 80}}", "error wrong-type 4:15 spec.ports\n", 0 },
    { "a port that is a number", SERVICE "spec: {ports: [80]}",
      "error wrong-type 4:16 spec.ports[0]\n", 0 },
    { "port in quotes, another good", SERVICE "spec: {ports: [{port: \"80\"}, {port: 81}]}",
      "error wrong-type 4:23 spec.ports[0].port\n", 1 },
    { "no port", SERVICE "spec: {ports: [{name: x}]}",
      "error missing-field 4:16 spec.ports[0].port\n", 0 },
    { "targetPort in quotes", SERVICE "spec: {ports: [{port: 80, targetPort: \"8080\"}]}",
      "warning wrong-type 4:39 spec.ports[0].targetPort\n", 1 },
    { "targetPort a list", SERVICE "spec: {ports: [{port: 80, targetPort: []}]}",
      "error wrong-type 4:39 spec.ports[0].targetPort\n", 0 },
    { "protocol in small letters", SERVICE "spec: {ports: [{port: 80, protocol: tcp}]}",
      "error invalid-value 4:37 spec.ports[0].protocol\n", 0 },
    { "a field mistyped", SERVICE "spec: {ports: [{port: 80, targetport: 8080}]}",
      "warning unknown-field 4:27 spec.ports[0].targetport\n", 1 },
};

static void test_a_fault_costs_its_port(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        BUNDLE *bundle = fixture_decode(faults[i].text);
        print_message("%s\n", faults[i].what);
        fixture_assert_diags(bundle, faults[i].diags);
        assert_int_equal(fixture_object(bundle)->service.ports_len, faults[i].ports);
    }
}

static void test_an_unknown_type_is_refused(void **state)
{
    (void)state;
    BUNDLE *bundle = fixture_decode(SERVICE "spec: {type: Loadbalancer}");
    assert_int_equal(bundle->objects.len, 0);
    fixture_assert_diags(bundle, "error invalid-value 4:14 spec.type\n");
    fixture_assert_span(bundle->diags.diags.items[0].mend, "write LoadBalancer");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_a_fault_costs_its_port),
        cmocka_unit_test(test_an_unknown_type_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
