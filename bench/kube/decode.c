/* What one item of a list or watch event costs: the JSON of an object, as the API server sends it, → an
 * object. CPU time, what a decoded object keeps, and what decoding it takes beside that.
 *
 *     build/test/unit/kube/bench_decode [Ingress|Service|EndpointSlice|Secret] */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "kube/decode.h"

enum { OBJECTS = 10000 };

#define MANAGED(fields)                                                                       \
    "\"managedFields\":[{\"manager\":\"kubectl-client-side-apply\",\"operation\":\"Update\"," \
    "\"apiVersion\":\"v1\",\"time\":\"2026-01-31T23:59:59Z\",\"fieldsType\":\"FieldsV1\","    \
    "\"fieldsV1\":{\"f:metadata\":{\"f:annotations\":{\".\":{},"                              \
    "\"f:kubectl.kubernetes.io/last-applied-configuration\":{}},\"f:labels\":{\".\":{},"      \
    "\"f:app.kubernetes.io/name\":{},\"f:app.kubernetes.io/instance\":{}}}," fields "}}]"

#define METADATA(fields)                                                                         \
    "\"metadata\":{\"name\":\"app-%1$u\",\"namespace\":\"shop\","                                \
    "\"uid\":\"7d1a3e5c-0f5b-4c55-9d56-%1$012u\",\"resourceVersion\":\"%1$u\",\"generation\":1," \
    "\"creationTimestamp\":\"2026-01-31T23:59:59Z\",\"labels\":{"                                \
    "\"app.kubernetes.io/name\":\"app-%1$u\",\"app.kubernetes.io/instance\":\"app-%1$u\","       \
    "\"app.kubernetes.io/managed-by\":\"Helm\",\"kubernetes.io/service-name\":\"app-%1$u\"},"    \
    "\"annotations\":{\"meta.helm.sh/release-name\":\"app-%1$u\","                               \
    "\"meta.helm.sh/release-namespace\":\"shop\"}," fields "}"

#define BACKEND "\"backend\":{\"service\":{\"name\":\"app-%1$u\",\"port\":{\"number\":80}}}"

static const struct {
    const char *kind, *format;
} kinds[] = {
    { "Ingress",
      "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\"," METADATA(MANAGED(
          "\"f:spec\":{\"f:ingressClassName\":{},\"f:rules\":{},\"f:tls\":{}}")) ",\"spec\":{"
                                                                                 "\"ingressClassNam"
                                                                                 "e\":\"yett\","
                                                                                 "\"tls\":[{"
                                                                                 "\"hosts\":[\"app-"
                                                                                 "%1$u.example."
                                                                                 "com\"],"
                                                                                 "\"secretName\":"
                                                                                 "\"app-%1$u-tls\"}"
                                                                                 "],\"rules\":[{"
                                                                                 "\"host\":\"app-%"
                                                                                 "1$u.example."
                                                                                 "com\",\"http\":"
                                                                                 "{\"paths\":[{"
                                                                                 "\"path\":\"/"
                                                                                 "\",\"pathType\":"
                                                                                 "\"Prefix\""
                                                                                 "," BACKEND "},"
                                                                                 "{\"path\":\"/"
                                                                                 "api\","
                                                                                 "\"pathType\":"
                                                                                 "\"Prefix\""
                                                                                 "," BACKEND
                                                                                 "}]}}]},"
                                                                                 "\"status\":{"
                                                                                 "\"loadBalancer\":"
                                                                                 "{\"ingress\":[{"
                                                                                 "\"ip\":\"192.0.2."
                                                                                 "1\"}]}}}" },
    { "Service",
      "{\"apiVersion\":\"v1\",\"kind\":\"Service\"," METADATA(MANAGED(
          "\"f:spec\":{\"f:internalTrafficPolicy\":{},\"f:ports\":{\".\":{},"
          "\"k:{\\\"port\\\":80,\\\"protocol\\\":\\\"TCP\\\"}\":{\".\":{},\"f:name\":{},"
          "\"f:port\":{},\"f:protocol\":{},\"f:targetPort\":{}}},\"f:selector\":{},"
          "\"f:sessionAffinity\":{},\"f:type\":{}}")) ",\"spec\":{\"ports\":[{\"name\":\"http\","
                                                      "\"protocol\":\"TCP\",\"port\":80,"
                                                      "\"targetPort\":"
                                                      "\"http\"}],\"selector\":{\"app.kubernetes."
                                                      "io/"
                                                      "name\":\"app-%1$u\"},\"clusterIP\":\"10.0.0."
                                                      "1\","
                                                      "\"clusterIPs\":[\"10.0.0.1\"],\"type\":"
                                                      "\"ClusterIP\",\"sessionAffinity\":\"None\","
                                                      "\"ipFamilies\":[\"IPv4\"],"
                                                      "\"ipFamilyPolicy\":\"SingleStack\","
                                                      "\"internalTrafficPolicy\":\"Cluster\"},"
                                                      "\"status\":{\"loadBalancer\":{}}}" },
#define ENDPOINT(address)                                                                     \
    "{\"addresses\":[\"" address "\"],\"conditions\":{\"ready\":true,\"serving\":true,"       \
    "\"terminating\":false},\"targetRef\":{\"kind\":\"Pod\",\"namespace\":\"shop\",\"name\":" \
    "\"app-%1$u-6c9f7d5b8-abcde\",\"uid\":\"0d0a3e5c-0f5b-4c55-9d56-%1$012u\"},"              \
    "\"nodeName\":\"node-17\",\"zone\":\"zone-a\"}"
    { "EndpointSlice",
      "{\"apiVersion\":\"discovery.k8s.io/v1\",\"kind\":\"EndpointSlice\"," METADATA(MANAGED(
          "\"f:"
          "addre"
          "ssTyp"
          "e\":{"
          "},"
          "\"f:"
          "endpo"
          "ints"
          "\":{}"
          ",\"f:"
          "ports"
          "\":{"
          "}")) ",\"addressType\":\"IPv4\",\"endpoints\":[" ENDPOINT("10.1.2.3") "," ENDPOINT("10."
                                                                                              "1.2."
                                                                                              "4") "],\"ports\":[{\"name\":\"http\",\"protocol\":"
                                                                                                   "\"TCP\",\"port\":8080}]}" },
    { "Secret", "{\"apiVersion\":\"v1\",\"kind\":\"Secret\"," METADATA(
                    MANAGED("\"f:data\":{\".\":{},\"f:tls.crt\":{},\"f:tls.key\":{}},\"f:type\":{"
                            "}")) ",\"type\":\"kubernetes.io/"
                                  "tls\",\"data\":{\"tls.crt\":\"%2$s\",\"tls.key\":\"%2$s\"}}" },
};

/* 2 KiB in base64, as a chain of two certificates or a key of RSA has. */
static const char *data_text(void)
{
    static char text[2049];

    memset(text, 'Q', sizeof(text) - 1);
    return text;
}

static double cpu_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static size_t heap_bytes(void)
{
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
}

static void bench(size_t kind)
{
    static struct kube_bundle *bundles[OBJECTS];
    static struct span texts[OBJECTS];
    struct arena arena;
    size_t json_bytes = 0;

    arena_init(&arena, 1 << 20);
    for (uint32_t i = 0; i < OBJECTS; i++) {
        texts[i] = arena_printf(&arena, kinds[kind].format, i, data_text());
        json_bytes += texts[i].len;
    }
    size_t heap_before = heap_bytes();
    double began_us = cpu_us();
    for (uint32_t i = 0; i < OBJECTS; i++)
        bundles[i] = kube_bundle_decode(texts[i], SPAN_EMPTY);
    double took_us = (cpu_us() - began_us) / OBJECTS;
    size_t kept_bytes = (heap_bytes() - heap_before) / OBJECTS;
    for (uint32_t i = 0; i < OBJECTS; i++) {
        if (bundles[i]->objects.len != 1 || bundles[i]->diags.diags.len != 0) {
            fprintf(stderr, "bench: %s was not decoded\n", kinds[kind].kind);
            exit(1);
        }
        kube_bundle_free(bundles[i]);
    }
    printf("%-14s %5zu bytes of JSON: %6.2f us, keeps %5zu bytes\n", kinds[kind].kind,
           json_bytes / OBJECTS, took_us, kept_bytes);
    arena_deinit(&arena);
}

int main(int argc, char **argv)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (argc < 2 || strcmp(argv[1], kinds[i].kind) == 0)
            bench(i);
    }
    return 0;
}
