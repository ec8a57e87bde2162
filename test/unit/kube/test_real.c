#include "fixture.h"

#include <dirent.h>
#include <stdio.h>

/* Manifests as people really wrote them, where they lie beside the tree: each is read, or refused by a
 * diagnostic that says where and what to do. Without the folder, the test is skipped. */

enum { EXIT_SKIP = 77, NAME_BYTES_MAX = 1024 };

static const char *folder;

static struct kube_bundle *file_decode(const char *name)
{
    char path[2 * NAME_BYTES_MAX];
    struct buf text = { 0 };

    assert_true(snprintf(path, sizeof(path), "%s/%s", folder, name) < (int)sizeof(path));
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t got = 1; got;) {
        got = fread(buf_reserve(&text, 4096), 1, 4096, file);
        text.len += got;
    }
    fclose(file);
    struct kube_bundle *bundle = kube_bundle_decode(buf_span(&text), span_from_str(name));
    buf_deinit(&text);
    return bundle;
}

static void bundle_check(const char *name, const struct kube_bundle *bundle)
{
    size_t told = bundle->objects.len + bundle->passed_over + bundle->diags.diags.len;

    print_message("%s: %zu documents, %zu objects, %zu passed over, %zu diagnostics\n", name,
                  bundle->documents, bundle->objects.len, bundle->passed_over,
                  bundle->diags.diags.len);
    assert_true(bundle->documents > 0);
    assert_true(told > 0); /* no silence */
    vec_for_each (diag, &bundle->diags.diags) {
        fixture_assert_span(diag->file, name);
        assert_true(diag->pos.line > 0 && diag->pos.column > 0);
        assert_true(diag->message.len && diag->mend.len);
    }
}

static void test_every_file_is_read_or_refused_with_a_reason(void **state)
{
    DIR *dir = opendir(folder);
    size_t files = 0;

    (void)state;
    assert_non_null(dir);
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        if (!span_ends_with(span_from_str(entry->d_name), SPAN(".yaml")))
            continue;
        BUNDLE *bundle = file_decode(entry->d_name);
        bundle_check(entry->d_name, bundle);
        files++;
    }
    closedir(dir);
    assert_true(files > 0);
}

/* Those with a known oddity, and the place of it. */
static const struct {
    const char *name;
    enum diag_code code;
    uint32_t line;
    size_t objects;
} oddities[] = {
    { "002-kubernetes-apim-wso2apim-ingress.yaml", DIAG_WRONG_TYPE, 24, 1 },
    { "014-ds-infrastructure-ciim-ingress-ciim.yaml", DIAG_WRONG_TYPE, 17, 1 },
    { "016-traefik-ingress-with-native-lb-by-default-but-service-has.yaml", DIAG_INVALID_VALUE, 16,
      3 },
    { "018-pynomaly-base-ingress.yaml", DIAG_DUPLICATE_KEY, 36, 1 },
    { "022-contour-001-ingress-tls-wildcard-host.yaml", DIAG_SYNTAX, 20, 1 },
    { "030-k8s-weary-backend-deployment.yaml", DIAG_SYNTAX, 20, 2 },
    { "031-kubernetes-examples-https-ready-alb.yaml", DIAG_UNKNOWN_FIELD, 42, 2 },
    { "037-laravel-k3s-cluster-prod-ingress.yaml", DIAG_MISSING_FIELD, 11, 1 },
    { "041-kubernetes-sonarqube-kustomization.yaml", DIAG_NOT_AN_OBJECT, 2, 0 },
    { "044-k8s-gitops-dashboard-ingress.yaml", DIAG_UNKNOWN_FIELD, 23, 1 },
    { "045-homelab-mealie-ingress.yaml", DIAG_WRONG_TYPE, 12, 1 },
    { "049-kubernetes-manifests-tailscale-ingress.yaml", DIAG_SYNTAX, 32, 0 },
    { "057-skipper-mixed-zone-threshold-with-opt-out.yaml", DIAG_DUPLICATE_KEY, 107, 4 },
    { "059-kubernetes-examples-fanout.yaml", DIAG_INVALID_VALUE, 19, 1 },
    { "065-iac-kubernetes-grafana.yaml", DIAG_DUPLICATE_KEY, 27, 1 },
    { "066-gke-networking-recipes-grpc-hc-no-proxy.yaml", DIAG_SYNTAX, 50, 2 },
    { "067-kubernetes-starter-kit-developers-nginx-ingress.yaml", DIAG_UNKNOWN_FIELD, 57, 2 },
    { "076-architecture-examples-hello-world-ingress.yaml", DIAG_DUPLICATE_KEY, 55, 2 },
    { "079-k8s-home-ops-cloudnative-pg-ingress.yaml", DIAG_UNKNOWN_FIELD, 11, 1 },
    { "103-k8s-redis-ingress.yaml", DIAG_UNKNOWN_FIELD, 6, 1 },
    { "104-home-ops-k10-ingress.yaml", DIAG_MISSING_FIELD, 2, 0 },
    { "116-tws-e-commerce-app-hackathon-10-ingress.yaml", DIAG_SYNTAX, 10, 0 },
    { "127-fmw-kubernetes-oam-ingress.yaml", DIAG_INVALID_VALUE, 10, 0 },
    { "128-checkov-annotation2-nollua-passesonefailsone.yaml", DIAG_UNKNOWN_FIELD, 14, 1 },
    { "129-homelab-pi-hole-ingress.yaml", DIAG_UNKNOWN_FIELD, 6, 1 },
    { "130-gitops-template-nginx-apex-ingress.yaml", DIAG_SYNTAX, 12, 0 },
    { "135-home-ops-github-ingress.yaml", DIAG_WRONG_TYPE, 9, 1 },
};

static bool has_diag(const struct kube_bundle *bundle, enum diag_code code, uint32_t line)
{
    vec_for_each (diag, &bundle->diags.diags) {
        if (diag->code == code && diag->pos.line == line)
            return true;
    }
    return false;
}

static void test_known_oddities_are_found_where_they_are(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(oddities); i++) {
        BUNDLE *bundle = file_decode(oddities[i].name);
        print_message("%s\n", oddities[i].name);
        assert_true(has_diag(bundle, oddities[i].code, oddities[i].line));
        assert_int_equal(bundle->objects.len, oddities[i].objects);
    }
}

/* A carriage return, a byte order mark or an empty document is no oddity at all. */
static void test_plain_files_pass_in_silence(void **state)
{
    static const char *const names[] = {
        "013-docker-development-youtube-series-routing-by-path-rewrite.yaml",
        "102-pynomaly-production-ingress.yaml",
        "105-k8s-voyager-ingress.yaml",
        "113-mksaas-qiflowai-ingress-canary.yaml",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        BUNDLE *bundle = file_decode(names[i]);
        print_message("%s\n", names[i]);
        fixture_assert_diags(bundle, "");
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_file_is_read_or_refused_with_a_reason),
        cmocka_unit_test(test_known_oddities_are_found_where_they_are),
        cmocka_unit_test(test_plain_files_pass_in_silence),
    };

    folder = argc > 1 ? argv[1] : "";
    DIR *dir = opendir(folder);
    if (!dir) {
        fprintf(stderr, "skipped: no folder of real manifests at \"%s\"\n", folder);
        return EXIT_SKIP;
    }
    closedir(dir);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
