#include "fixture.h"

#define V1 \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\n"
#define BETA \
    "apiVersion: extensions/v1beta1\nkind: Ingress\nmetadata: {name: web, namespace: shop}\n"
#define SERVICE "backend: {service: {name: s, port: {number: 80}}}"

static void test_reads_every_field(void **state)
{
    (void)state;
    BUNDLE *bundle = fixture_decode(
        V1 "spec:\n"
           "  ingressClassName: yett\n"
           "  defaultBackend: {resource: {apiGroup: k8s.example.com, kind: Bucket, name: b}}\n"
           "  tls:\n"
           "  - hosts: [a.example, \"*.a.example\"]\n"
           "    secretName: cert\n"
           "  - {}\n"
           "  rules:\n"
           "  - host: a.example\n"
           "    http:\n"
           "      paths:\n"
           "      - path: /x\n"
           "        pathType: Exact\n"
           "        backend: {service: {name: s, port: {number: 0x50}}}\n"
           "      - pathType: Prefix\n"
           "        backend: {service: {name: t, port: {name: http}}}\n"
           "  - http: {paths: [{path: '', pathType: ImplementationSpecific, " SERVICE "}]}\n");

    fixture_assert_diags(bundle, "");
    const struct kube_object *object = fixture_object(bundle);
    const struct kube_ingress *ingress = &object->ingress;
    assert_int_equal(object->kind, KUBE_INGRESS);
    fixture_assert_span(object->namespace, "shop");
    assert_int_equal(object->pos.line, 1);
    assert_false(ingress->is_outdated);
    fixture_assert_span(ingress->class_name.text, "yett");
    assert_int_equal(ingress->default_backend.kind, KUBE_BACKEND_RESOURCE);
    fixture_assert_span(ingress->default_backend.resource.text, "Bucket/b");

    assert_int_equal(ingress->tls_len, 2);
    assert_int_equal(ingress->tls[0].hosts_len, 2);
    fixture_assert_span(ingress->tls[0].hosts[1].text, "*.a.example");
    assert_int_equal(ingress->tls[0].hosts[1].pos.line, 8);
    assert_int_equal(ingress->tls[0].hosts[1].pos.column, 24);
    fixture_assert_span(ingress->tls[0].secret_name.text, "cert");
    assert_false(kube_text_is_set(&ingress->tls[1].secret_name));

    assert_int_equal(ingress->rules_len, 2);
    const struct kube_rule *rule = &ingress->rules[0];
    fixture_assert_span(rule->host.text, "a.example");
    assert_true(rule->has_http);
    assert_int_equal(rule->paths_len, 2);
    fixture_assert_span(rule->paths[0].path.text, "/x");
    assert_int_equal(rule->paths[0].type, KUBE_PATH_EXACT);
    assert_int_equal(rule->paths[0].backend.kind, KUBE_BACKEND_SERVICE);
    assert_int_equal(rule->paths[0].backend.port_number, 80);
    assert_false(kube_text_is_set(&rule->paths[0].backend.port_name));
    assert_false(kube_text_is_set(&rule->paths[1].path));
    fixture_assert_span(rule->paths[1].backend.service.text, "t");
    fixture_assert_span(rule->paths[1].backend.port_name.text, "http");
    assert_int_equal(rule->paths[1].backend.port_number, 0);
    assert_int_equal(rule->paths[1].index, 1);
    assert_false(kube_text_is_set(&ingress->rules[1].host));
    assert_true(kube_text_is_set(&ingress->rules[1].paths[0].path));
}

static void test_outdated_forms_become_the_same_struct(void **state)
{
    (void)state;
    BUNDLE *bundle =
        fixture_decode(BETA "spec:\n"
                            "  backend: {serviceName: d, servicePort: 81}\n"
                            "  rules:\n"
                            "  - http:\n"
                            "      paths:\n"
                            "      - backend: {serviceName: s, servicePort: http}\n"
                            "      - backend: {serviceName: s, servicePort: \"82\"}\n");

    fixture_assert_diags(bundle, "warning outdated-api 1:13 apiVersion\n");
    const struct kube_ingress *ingress = &fixture_object(bundle)->ingress;
    assert_true(ingress->is_outdated);
    assert_int_equal(ingress->default_backend.port_number, 81);
    fixture_assert_span(ingress->default_backend.service.text, "d");
    const struct kube_path *paths = ingress->rules[0].paths;
    assert_int_equal(paths[0].type, KUBE_PATH_IMPLEMENTATION_SPECIFIC);
    fixture_assert_span(paths[0].backend.port_name.text, "http");
    assert_int_equal(paths[1].backend.port_number, 82);
    assert_false(kube_text_is_set(&paths[1].backend.port_name));
}

/* What is wrong, and how many rules and paths (of all rules) are left. */
static const struct {
    const char *what, *text;
    const char *diags;
    size_t rules, paths;
} faults[] = {
    { "rules not a list", V1 "spec: {rules: {host: a}}", "error wrong-type 4:15 spec.rules\n", 0,
      0 },
    { "a rule not a map", V1 "spec: {rules: [a, {host: b}]}",
      "error wrong-type 4:16 spec.rules[0]\nnote missing-field 4:19 spec.rules[1].http\n", 1, 0 },
    { "a rule of nothing", V1 "spec: {rules: [~]}", "error missing-field 4:16 spec.rules[0]\n", 0,
      0 },
    { "a host that is a number", V1 "spec: {rules: [{host: 1}]}",
      "error wrong-type 4:23 spec.rules[0].host\n", 0, 0 },
    { "http not a map", V1 "spec: {rules: [{http: []}]}",
      "error wrong-type 4:23 spec.rules[0].http\n", 1, 0 },
    { "no paths", V1 "spec: {rules: [{http: {}}]}",
      "error missing-field 4:23 spec.rules[0].http.paths\n", 1, 0 },
    { "paths empty", V1 "spec: {rules: [{http: {paths: []}}]}",
      "error missing-field 4:31 spec.rules[0].http.paths\n", 1, 0 },
    { "paths a map", V1 "spec: {rules: [{http: {paths: {path: /}}}]}",
      "error wrong-type 4:31 spec.rules[0].http.paths\n", 1, 0 },
    { "paths without http", V1 "spec: {rules: [{paths: []}]}",
      "warning unknown-field 4:17 spec.rules[0].paths\nnote missing-field 4:16 "
      "spec.rules[0].http\n",
      1, 0 },
    { "one path bad, one good",
      V1 "spec: {rules: [{http: {paths: [{path: 1, pathType: prefix}, {pathType: Exact, " SERVICE
         "}]}}]}",
      "error wrong-type 4:39 spec.rules[0].http.paths[0].path\n"
      "error invalid-value 4:52 spec.rules[0].http.paths[0].pathType\n"
      "error missing-field 4:32 spec.rules[0].http.paths[0].backend\n",
      1, 1 },
    { "no pathType", V1 "spec: {rules: [{http: {paths: [{" SERVICE "}]}}]}",
      "error missing-field 4:32 spec.rules[0].http.paths[0].pathType\n", 1, 1 },
    { "port in quotes", V1 "spec: {defaultBackend: {service: {name: s, port: {number: \"80\"}}}}",
      "error wrong-type 4:59 spec.defaultBackend.service.port.number\n", 0, 0 },
    { "port out of range", V1 "spec: {defaultBackend: {service: {name: s, port: {number: 65536}}}}",
      "error invalid-value 4:59 spec.defaultBackend.service.port.number\n", 0, 0 },
    { "port zero", V1 "spec: {defaultBackend: {service: {name: s, port: {number: 0}}}}",
      "error invalid-value 4:59 spec.defaultBackend.service.port.number\n", 0, 0 },
    { "port of neither kind", V1 "spec: {defaultBackend: {service: {name: s, port: {}}}}",
      "error missing-field 4:50 spec.defaultBackend.service.port\n", 0, 0 },
    { "port of both kinds",
      V1 "spec: {defaultBackend: {service: {name: s, port: {name: h, number: 80}}}}",
      "error invalid-value 4:50 spec.defaultBackend.service.port\n", 0, 0 },
    { "port a bare number", V1 "spec: {defaultBackend: {service: {name: s, port: 80}}}",
      "error wrong-type 4:50 spec.defaultBackend.service.port\n", 0, 0 },
    { "service a bare name", V1 "spec: {defaultBackend: {service: s}}",
      "error wrong-type 4:34 spec.defaultBackend.service\n", 0, 0 },
    { "service without a name", V1 "spec: {defaultBackend: {service: {port: {number: 80}}}}",
      "error missing-field 4:34 spec.defaultBackend.service.name\n", 0, 0 },
    { "service and resource",
      V1 "spec: {defaultBackend: {service: {name: s}, resource: {kind: K, name: n}}}",
      "error invalid-value 4:24 spec.defaultBackend\n", 0, 0 },
    { "a backend of nothing", V1 "spec: {defaultBackend: {}}",
      "error missing-field 4:24 spec.defaultBackend\n", 0, 0 },
    { "v1beta1 fields in v1", V1 "spec: {defaultBackend: {serviceName: s, servicePort: 80}}",
      "error unknown-field 4:38 spec.defaultBackend.serviceName\n", 0, 0 },
    { "v1 fields in v1beta1", BETA "spec: {backend: {service: {name: s, port: {number: 80}}}}",
      "warning outdated-api 1:13 apiVersion\nerror unknown-field 4:27 spec.backend.service\n", 0,
      0 },
    { "both forms", BETA "spec: {backend: {serviceName: s, servicePort: 80, service: {name: s}}}",
      "warning outdated-api 1:13 apiVersion\nwarning unknown-field 4:51 spec.backend.service\n", 0,
      0 },
    { "spec.backend in v1", V1 "spec: {backend: {serviceName: s, servicePort: 80}}",
      "error unknown-field 4:8 spec.backend\n", 0, 0 },
    { "v1beta1 without a port", BETA "spec: {backend: {serviceName: s}}",
      "warning outdated-api 1:13 apiVersion\nerror missing-field 4:17 spec.backend.servicePort\n",
      0, 0 },
    { "annotations in spec", V1 "spec: {annotations: {a: b}}",
      "warning unknown-field 4:8 spec.annotations\n", 0, 0 },
    { "a field mistyped", V1 "spec: {ingresClassName: yett}",
      "warning unknown-field 4:8 spec.ingresClassName\n", 0, 0 },
    { "tls not a list", V1 "spec: {tls: {secretName: x}}", "error wrong-type 4:13 spec.tls\n", 0,
      0 },
    { "tls hosts not a list", V1 "spec: {tls: [{hosts: a}]}",
      "error wrong-type 4:22 spec.tls[0].hosts\n", 0, 0 },
    { "rules given twice", V1 "spec:\n  rules: [{host: a}]\n  rules: [{host: b}, {host: c}]\n",
      "error duplicate-key 6:3 spec.rules\nnote missing-field 6:11 spec.rules[0].http\n"
      "note missing-field 6:22 spec.rules[1].http\n",
      2, 0 },
};

static void test_a_fault_costs_the_least_that_it_can(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        BUNDLE *bundle = fixture_decode(faults[i].text);
        print_message("%s\n", faults[i].what);
        fixture_assert_diags(bundle, faults[i].diags);
        const struct kube_ingress *ingress = &fixture_object(bundle)->ingress;
        size_t paths = 0;
        for (size_t n = 0; n < ingress->rules_len; n++)
            paths += ingress->rules[n].paths_len;
        assert_int_equal(ingress->rules_len, faults[i].rules);
        assert_int_equal(paths, faults[i].paths);
        if (span_contains(bundle->diags.diags.items[0].field, SPAN("efaultBackend")))
            assert_int_equal(ingress->default_backend.kind, KUBE_BACKEND_NONE);
    }
}

static const struct {
    const char *text, *diags;
} refused[] = {
    { V1, "error missing-field 1:1 spec\n" },
    { V1 "spec: []", "error wrong-type 4:7 spec\n" },
    { V1 "spec: {ingressClassName: [a]}", "error wrong-type 4:26 spec.ingressClassName\n" },
};

static void test_an_ingress_without_meaning_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        BUNDLE *bundle = fixture_decode(refused[i].text);
        assert_int_equal(bundle->objects.len, 0);
        fixture_assert_diags(bundle, refused[i].diags);
    }
}

static const struct {
    const char *text, *mend;
} mends[] = {
    { V1 "spec: {defaultBackend: {serviceName: s, servicePort: http}}",
      "write service: {name: s, port: {name: http}}" },
    { V1 "spec: {defaultBackend: {serviceName: s, servicePort: 80}}",
      "write service: {name: s, port: {number: 80}}" },
    { V1 "spec: {defaultBackend: {service: {name: s, port: {number: \"80\"}}}}",
      "remove the quotes: 80" },
    { V1 "spec: {rulez: []}", "did you mean \"rules\"?" },
    { V1 "spec: {rules: [{http: {paths: [{pathType: prefix, " SERVICE "}]}}]}", "write Prefix" },
    { V1 "spec: {rules: [{host: 1}]}", "quote it: \"1\"" },
    { V1 "rules: []\nspec: {}", "indent it below spec" },
};

static void test_mends_are_what_one_would_type(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(mends); i++) {
        BUNDLE *bundle = fixture_decode(mends[i].text);
        assert_true(bundle->diags.diags.len > 0);
        fixture_assert_span(bundle->diags.diags.items[0].mend, mends[i].mend);
    }
}

#define EMPTY_SPEC V1 "spec: {}\n"

static const struct {
    const char *same, *as;
    bool is_same;
} balancers[] = {
    { EMPTY_SPEC, EMPTY_SPEC "status: {loadBalancer: {}}", true },
    { EMPTY_SPEC, EMPTY_SPEC "status: {loadBalancer: {ingress: []}}", true },
    { EMPTY_SPEC, EMPTY_SPEC "status: {loadBalancer: {ingress: nonsense}}", true },
    { EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}, {hostname: a.example}]}}",
      EMPTY_SPEC "status: {loadBalancer: {ingress: [{hostname: a.example}, {ip: 10.0.0.1, ports: "
                 "[{port: 80}]}]}}",
      true },
    { EMPTY_SPEC, EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}", false },
    { EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}",
      EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.2}]}}", false },
    { EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}",
      EMPTY_SPEC "status: {loadBalancer: {ingress: [{hostname: 10.0.0.1}]}}", false },
    { EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}]}}",
      EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1}, {ip: 10.0.0.1}]}}", false },
    { EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1, hostname: b}, {ip: 10.0.0.2, "
                 "hostname: a}]}}",
      EMPTY_SPEC "status: {loadBalancer: {ingress: [{ip: 10.0.0.1, hostname: a}, {ip: 10.0.0.2, "
                 "hostname: b}]}}",
      false },
};

static void test_a_status_is_what_it_says_in_any_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(balancers); i++) {
        BUNDLE *same = fixture_decode(balancers[i].same);
        BUNDLE *as = fixture_decode(balancers[i].as);

        print_message("%s\n", balancers[i].as);
        fixture_assert_diags(as, "");
        assert_int_equal(fixture_object(same)->ingress.load_balancer ==
                             fixture_object(as)->ingress.load_balancer,
                         balancers[i].is_same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_every_field),
        cmocka_unit_test(test_outdated_forms_become_the_same_struct),
        cmocka_unit_test(test_a_fault_costs_the_least_that_it_can),
        cmocka_unit_test(test_an_ingress_without_meaning_is_refused),
        cmocka_unit_test(test_mends_are_what_one_would_type),
        cmocka_unit_test(test_a_status_is_what_it_says_in_any_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
