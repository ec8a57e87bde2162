/* route/model.h
 *
 * Purpose    What the gate is to do, as plain structs: one form for Ingress, its annotations and,
 *            later, the Gateway API. `ingress` fills it, `image` turns it into bytes.
 *
 *            host → path → rules (first whose predicates hold) → filters, policy → weighted backends
 *            → service → endpoints
 *
 * Ownership  Everything lies in the model; strings from elsewhere are copied into model->arena. A host,
 *            service or certificate goes with the batch that it was made in, once the last of that
 *            batch is taken out; what else a batch holds must be named by nothing but these.
 * Lifetime   route_model_new() … route_model_free().
 * Units      As names end; 0 of a limit means "none" where the comment says so. */
#ifndef YETT_ROUTE_MODEL_H
#define YETT_ROUTE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/ip.h"
#include "base/map.h"
#include "base/vec.h"

/* Where an object came from, so that explain, logs, metrics and errors can name it. */
struct route_origin {
    struct span kind;            /* "Ingress" */
    struct span namespace, name; /* both empty: made by yett itself (flags, built-in) */
    struct span field;           /* "spec.rules[0].http.paths[1]" */
    struct span file;            /* empty from the API */
    uint32_t line, column;       /* 0: not known */
};

enum route_endpoint_kind {
    ROUTE_ENDPOINT_IP,
    ROUTE_ENDPOINT_DNS, /* ExternalName: the worker resolves `dns_name` */
};

struct route_endpoint {
    enum route_endpoint_kind kind;
    struct ip_addr ip;
    uint16_t port;
    struct span dns_name; /* lower case, no trailing dot */
    uint64_t id; /* route_endpoint_id(): the same in every image as long as it is the same */
};

enum route_protocol {
    ROUTE_PROTOCOL_HTTP, /* HTTP/1.1 in the clear; more to come */
};

enum route_balance {
    ROUTE_BALANCE_ROUND_ROBIN,
};

struct route_batch;

/* A Service's port as a rule names it. Rules that name the same one share it. */
struct route_service {
    uint64_t key;                        /* route_service_key() */
    struct span namespace, name;         /* in one text, "namespace/name" */
    struct span port;                    /* as written in the rule: number or name */
    struct span upstream_name;           /* "namespace-name-port", as ingress-nginx logs it */
    struct route_endpoint *endpoints;    /* those to be used now; none: 503 */
    size_t endpoints_len, endpoints_cap; /* room, for those that a refresh adds */
    enum route_protocol protocol;
    enum route_balance balance;
    struct route_origin origin;
    uint32_t index; /* in model->services */
    uint32_t uses; /* by backends of rules; a service without any is none of the image's business */
    struct route_service *next_port; /* of the same Service */
    struct route_batch *batch;
};

struct route_backend {
    struct route_service *service;
    uint32_t weight; /* a share of the sum over the rule's backends */
};

enum route_retry {
    ROUTE_RETRY_ERROR = 1 << 0,   /* connect failed, or the connection broke before an answer */
    ROUTE_RETRY_TIMEOUT = 1 << 1, /* connect or first byte timed out */
    ROUTE_RETRY_NON_IDEMPOTENT = 1 << 2, /* also for POST, PATCH, LOCK already sent */
};

struct route_policy {
    uint32_t connect_timeout_ms;
    uint32_t read_timeout_ms;  /* between two reads from the backend, the first byte included */
    uint32_t send_timeout_ms;  /* between two writes to the backend */
    uint32_t retry_tries;      /* the first included */
    uint32_t retry_timeout_ms; /* no try starts later than this; 0: none */
    uint32_t retry_on;         /* enum route_retry, or-ed */
    uint64_t body_bytes_max;   /* 0: none */
};

enum route_filter_kind {
    ROUTE_FILTER_HTTPS_REDIRECT, /* status: 308; only where the effective scheme is http */
    ROUTE_FILTER_RESPOND,        /* status: a denied Ingress answers 503 */
};

struct route_filter {
    enum route_filter_kind kind;
    uint16_t status;
    bool keep_trailing_slash; /* HTTPS_REDIRECT: annotation preserve-trailing-slash */
};

enum route_predicate_kind {
    ROUTE_PREDICATE_METHOD, /* value: the method; made by no source yet but matched already */
    ROUTE_PREDICATE_HEADER, /* name, value: equal bytes */
};

struct route_predicate {
    enum route_predicate_kind kind;
    struct span name, value;
};

struct route_rule {
    struct span namespace, ingress; /* labels; empty for the global default backend */
    struct span path;               /* as the Ingress writes it: a label */
    struct route_predicate *predicates;
    size_t predicates_len;
    struct route_filter *filters; /* in order */
    size_t filters_len;
    struct route_backend *backends; /* none: answered by a filter, or 503 */
    size_t backends_len;
    const struct route_policy *policy;
    struct route_origin origin;
    uint64_t metric_id; /* route_metric_id(): where its numbers are counted, across images */
};

enum route_path_kind { ROUTE_PATH_EXACT, ROUTE_PATH_PREFIX };

struct route_path {
    enum route_path_kind kind;
    struct span
        path; /* normalised as request paths are; a prefix without its trailing slash ("" is "/") */
    VEC(struct route_rule *) rules;
};

struct route_certificate {
    uint64_t id;                    /* hash of its content; never 0 */
    struct span chain_pem, key_pem; /* the key goes into the secrets segment only */
    int64_t not_after_s;            /* Unix time */
    struct route_origin origin;
    struct route_batch *batch;
};

/* Whoever has a say in what a host is. */
struct route_source {
    struct span namespace, name;
    struct route_source *next;
};

struct route_host {
    struct span name; /* lower case; "*.example.com"; "" is any host */
    VEC(struct route_path *) paths;
    const struct route_certificate *certificate; /* NULL: the default one */
    bool has_tls; /* an Ingress of this host has spec.tls: what the https redirect asks for */
    struct route_origin origin;
    struct route_source *sources; /* Ingresses that have a rule or default backend for it */
    uint32_t index;               /* in model->hosts */
    uint32_t serial;              /* of no other host that the model had or has */
    struct route_batch *batch;
};

enum route_log_escape { ROUTE_LOG_ESCAPE_DEFAULT, ROUTE_LOG_ESCAPE_JSON, ROUTE_LOG_ESCAPE_NONE };

/* What the ConfigMap and flags say for all routes. */
struct route_settings {
    bool use_forwarded_headers;
    bool enable_real_ip;
    bool compute_full_forwarded_for;
    bool generate_request_id;
    bool allow_underscores_in_headers;
    bool ignore_invalid_headers;
    struct span forwarded_for_header; /* "X-Forwarded-For" */
    const struct ip_block *trusted;   /* proxy-real-ip-cidr */
    size_t trusted_len;
    bool access_log;
    struct span log_format; /* log-format-upstream; "" is the built-in one */
    enum route_log_escape log_escape;
    uint32_t keep_alive_ms;       /* idle client connections; 0: no keep-alive */
    uint32_t keep_alive_requests; /* per client connection */
    uint32_t client_header_timeout_ms, client_body_timeout_ms;
    uint32_t upstream_idle_max; /* idle connections kept per worker */
    uint32_t upstream_idle_timeout_ms;
};

/* How a model differs from what it was: what an image must write anew. */
struct route_changes {
    struct arena texts;
    VEC(struct span) hosts; /* names; also of hosts that are gone */
    VEC(uint64_t) services; /* keys of those whose endpoints changed, that came or went */
    bool certificates;      /* the set of them */
};

struct route_model {
    struct arena arena; /* of the newest batch */
    struct route_batch *batch, *first_batch;
    VEC(struct route_host *) hosts;
    VEC(struct route_service *) services;
    VEC(struct route_certificate *) certificates; /* those that hosts use, and the default */
    const struct route_certificate
        *default_certificate;        /* NULL: TLS handshakes have nothing to show */
    struct route_rule *default_rule; /* for what no host and path takes; NULL: built-in 404 */
    struct route_settings settings;
    struct map hosts_by_name;
    struct map paths_by_key; /* by host, kind and path */
    struct idmap services_by_key;
    struct map services_by_name; /* "namespace/name" → the first of its ports */
    uint32_t hosts_made;
};

YETT_MUST_USE struct route_model *route_model_new(void);
struct route_model *route_model_free(struct route_model *model);

/* What is made from now on makes a batch of its own. The first batch lives as long as the model. */
void route_batch_begin(struct route_model *model);
/* Where what belongs to `service` may lie. */
struct arena *route_service_arena(struct route_model *model, const struct route_service *service);

void route_changes_init(struct route_changes *changes);
void route_changes_deinit(struct route_changes *changes);

/* Defaults as ../docs/compatibility.md lists them (ingress-nginx's own). */
struct route_settings route_settings_default(void);
struct route_policy route_policy_default(void);

/* Finds or adds. `name` and the others are copied. */
struct route_host *route_host_get(struct route_model *model, struct span name);
struct route_path *route_path_get(struct route_model *model, struct route_host *host,
                                  enum route_path_kind kind, struct span path);
struct route_service *route_service_get(struct route_model *model, struct span namespace,
                                        struct span name, struct span port);
/* The ports of a Service that rules name, by `next_port`, or NULL. */
struct route_service *route_service_find(const struct route_model *model, struct span namespace,
                                         struct span name);
struct route_certificate *route_certificate_new(struct route_model *model);
struct route_rule *route_rule_new(struct route_model *model);
/* One backend of full weight. */
void route_rule_set_service(struct route_model *model, struct route_rule *rule,
                            struct route_service *service);

/* Take a thing out, and it is gone. The last of its kind takes its place in the list. */
void route_host_remove(struct route_model *model, struct route_host *host);
void route_service_remove(struct route_model *model, struct route_service *service);
/* Takes out those of which `is_kept` is false, and keeps the order of the rest. */
void route_certificates_keep(struct route_model *model,
                             bool (*is_kept)(void *ctx,
                                             const struct route_certificate *certificate),
                             void *ctx);

/* Identities that outlive an image. */
uint64_t route_service_key(struct span namespace, struct span name, struct span port);
uint64_t route_endpoint_id(const struct route_endpoint *endpoint);
/* `host`: the name of the host that the rule stands under; it is a label of its own. */
uint64_t route_metric_id(const struct route_rule *rule, struct span host,
                         const struct route_service *service);

#endif
