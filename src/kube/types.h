/* kube/types.h
 *
 * Purpose    The Kubernetes objects that concern a gate, as plain structs, whatever form (YAML or
 *            JSON, current or outdated API version) they came in.
 * Ownership  All texts and arrays borrow from the arena of the kube_bundle that was decoded into.
 * Lifetime   Objects are immutable once decoded.
 * Limits     Decoded, not judged: values may be nonsense as far as the `ingress` room is concerned.
 * See        https://kubernetes.io/docs/reference/kubernetes-api/ */
#ifndef YETT_KUBE_TYPES_H
#define YETT_KUBE_TYPES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"
#include "kube/diag.h"

enum kube_kind {
    KUBE_INGRESS,
    KUBE_INGRESS_CLASS,
    KUBE_SERVICE,
    KUBE_ENDPOINT_SLICE,
    KUBE_SECRET,
    KUBE_CONFIG_MAP,
    KUBE_NAMESPACE,
    KUBE_KINDS_LEN
};

/* A text and where it stands; absent: ptr NULL. An empty text that is written has a ptr. */
struct kube_text {
    struct span text;
    struct kube_pos pos;
};

struct kube_pair {
    struct kube_text key, value;
};

struct kube_pairs {
    const struct kube_pair *items;
    size_t len;
};

/* networking.k8s.io/v1 IngressBackend */
enum kube_backend_kind { KUBE_BACKEND_NONE, KUBE_BACKEND_SERVICE, KUBE_BACKEND_RESOURCE };

struct kube_backend {
    enum kube_backend_kind kind;
    struct kube_text service;
    struct kube_text port_name; /* absent: by number */
    uint16_t port_number;       /* 0: by name */
    struct kube_text resource;  /* "Kind/name" */
    struct kube_pos pos;
};

enum kube_path_type {
    KUBE_PATH_EXACT,
    KUBE_PATH_PREFIX,
    KUBE_PATH_IMPLEMENTATION_SPECIFIC, /* also where none is written, as outdated forms allow */
};

struct kube_path {
    struct kube_text path; /* absent: "/" is meant */
    enum kube_path_type type;
    struct kube_backend backend;
    struct kube_pos pos;
    uint32_t index; /* in the written list: for field paths */
};

struct kube_rule {
    struct kube_text host; /* absent or empty: any */
    bool has_http;
    const struct kube_path *paths;
    size_t paths_len;
    struct kube_pos pos;
    uint32_t index;
};

struct kube_tls {
    const struct kube_text *hosts;
    size_t hosts_len;
    struct kube_text secret_name;
    struct kube_pos pos;
    uint32_t index;
};

struct kube_ingress {
    struct kube_text class_name; /* spec.ingressClassName */
    struct kube_backend default_backend;
    const struct kube_tls *tls;
    size_t tls_len;
    const struct kube_rule *rules;
    size_t rules_len;
    bool is_outdated; /* came as extensions/v1beta1 or networking.k8s.io/v1beta1 */
    /* Of status.loadBalancer.ingress (kube/load_balancer.h): what we write ourselves, and no part of what
     * the Ingress means. */
    uint64_t load_balancer;
};

struct kube_ingress_class {
    struct kube_text controller;
    bool is_default; /* ingressclass.kubernetes.io/is-default-class: "true" */
};

enum kube_protocol { KUBE_TCP, KUBE_UDP, KUBE_SCTP };

enum kube_service_type {
    KUBE_SERVICE_CLUSTER_IP,
    KUBE_SERVICE_NODE_PORT,
    KUBE_SERVICE_LOAD_BALANCER,
    KUBE_SERVICE_EXTERNAL_NAME,
};

struct kube_service_port {
    struct kube_text name; /* absent or empty where there is one port only */
    uint16_t port;
    uint16_t target_number;       /* 0: not by number */
    struct kube_text target_name; /* absent: by number (or, with both absent, same as `port`) */
    enum kube_protocol protocol;
    struct kube_text app_protocol;
    struct kube_pos pos;
};

struct kube_service {
    enum kube_service_type type;
    struct kube_text cluster_ip; /* "None": headless */
    struct kube_text external_name;
    const struct kube_service_port *ports;
    size_t ports_len;
};

enum kube_address_type { KUBE_ADDRESS_IPV4, KUBE_ADDRESS_IPV6, KUBE_ADDRESS_FQDN };

struct kube_slice_port {
    struct kube_text name;
    uint16_t port; /* 0: all ports */
    enum kube_protocol protocol;
    struct kube_text app_protocol;
};

struct kube_endpoint {
    const struct kube_text *addresses; /* the first is used (the API says they are fungible) */
    size_t addresses_len;
    bool ready, serving, terminating; /* unset: ready true, serving = ready, terminating false */
    struct kube_pos pos;
    uint32_t index;
};

struct kube_endpoint_slice {
    struct kube_text service_name; /* label kubernetes.io/service-name */
    enum kube_address_type address_type;
    const struct kube_slice_port *ports;
    size_t ports_len;
    const struct kube_endpoint *endpoints;
    size_t endpoints_len;
};

/* Why a Secret has no content: it stands in for one that the API server does not give. */
enum kube_secret_access {
    KUBE_SECRET_READ, /* it has */
    KUBE_SECRET_FORBIDDEN,
    KUBE_SECRET_UNANSWERED,
    KUBE_SECRET_TOO_MANY, /* to be watched one by one */
};

struct kube_secret {
    enum kube_secret_access access;
    struct kube_text type;
    struct kube_pairs entries; /* values decoded from base64; stringData over data */
};

struct kube_config_map {
    struct kube_pairs entries;
};

struct kube_object {
    enum kube_kind kind;
    struct span file; /* as it was named to the decoder; empty from the API */
    struct kube_pos pos;
    struct span namespace; /* "default" where a namespaced object names none; empty: cluster-scoped
                            */
    struct span name;
    struct span uid, resource_version; /* empty in manifests */
    int64_t created_s;                 /* creationTimestamp, Unix time; 0: none */
    struct kube_pairs labels;          /* of a Namespace only */
    struct kube_pairs
        annotations; /* of an Ingress only, without what `kubectl apply` notes there */
    union {
        struct kube_ingress ingress;
        struct kube_ingress_class ingress_class;
        struct kube_service service;
        struct kube_endpoint_slice endpoint_slice;
        struct kube_secret secret;
        struct kube_config_map config_map;
    };
};

/* "Ingress", "IngressClass", … */
const char *kube_kind_name(enum kube_kind kind);

/* The value of `key`, or NULL. */
const struct kube_text *kube_pairs_find(const struct kube_pairs *pairs, struct span key);

static inline bool kube_text_is_set(const struct kube_text *text)
{
    return text->text.ptr != NULL;
}

#endif
