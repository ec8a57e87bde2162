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

/* How a backend is spoken to. */
enum route_protocol {
    ROUTE_PROTOCOL_UNSET,     /* of a policy only: as the Service's port says */
    ROUTE_PROTOCOL_HTTP,      /* HTTP/1.1 in the clear */
    ROUTE_PROTOCOL_HTTPS,     /* HTTP/1.1 over TLS */
    ROUTE_PROTOCOL_AUTO_HTTP, /* one of these two, as the client's connection is */
    ROUTE_PROTOCOL_H2C,       /* HTTP/2 in the clear, with prior knowledge */
    ROUTE_PROTOCOL_H2,        /* HTTP/2 over TLS */
};

enum route_transport { ROUTE_TRANSPORT_TCP, ROUTE_TRANSPORT_UDP };

/* A set of them; empty: whatever the library has by default. */
enum route_tls_version {
    ROUTE_TLS_1_2 = 1 << 0,
    ROUTE_TLS_1_3 = 1 << 1,
};

enum route_balance {
    ROUTE_BALANCE_ROUND_ROBIN,
};

struct route_batch;

/* A Service's port as a rule or listener names it. Those that name the same one share it. */
struct route_service {
    uint64_t key;                        /* route_service_key() */
    enum route_transport transport;      /* TCP, but for listeners of UDP */
    struct span namespace, name;         /* in one text, "namespace/name" */
    struct span port;                    /* as written in the rule: number or name */
    struct span upstream_name;           /* "namespace-name-port", as ingress-nginx logs it */
    struct route_endpoint *endpoints;    /* those to be used now; none: 503 */
    size_t endpoints_len, endpoints_cap; /* room, for those that a refresh adds */
    enum route_protocol protocol;
    enum route_balance balance;
    struct route_origin origin;
    uint32_t index; /* in model->services */
    uint32_t uses;  /* by backends, passthrough, listeners; one without any is not in the image */
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

/* What a backend's TLS is checked by, and what is shown to it. */
struct route_backend_tls {
    const struct route_certificate *certificate; /* of the gate as a client; NULL: none */
    const struct route_authorities *authorities; /* NULL: none */
    struct span name;    /* that the backend must have, and is asked for; empty: none */
    struct span ciphers; /* TLS 1.2; an OpenSSL list */
    uint32_t versions;   /* enum route_tls_version, or-ed */
    uint32_t depth;      /* certificates between the backend's and a trusted one, at most */
    bool verifies;       /* only with `authorities` and `name` */
    bool sends_name;     /* as server name (SNI) */
};

struct route_policy {
    enum route_protocol protocol;
    const struct route_backend_tls *backend_tls; /* NULL: any certificate will do, no SNI */
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

/* A chain and its key: a host's, or the gate's own as a client of backends. */
struct route_certificate {
    uint64_t id;                    /* hash of its content; never 0 */
    struct span chain_pem, key_pem; /* the key goes into the secrets segment only */
    int64_t not_after_s;            /* Unix time */
    struct route_origin origin;
    struct route_batch *batch;
};

/* Who is trusted to sign certificates: of clients, or of backends. */
struct route_authorities {
    uint64_t id; /* hash of its content; never 0 */
    struct span ca_pem, crl_pem;
    struct route_origin origin;
    struct route_batch *batch;
};

enum route_client_auth_mode {
    ROUTE_CLIENT_AUTH_OFF,            /* no certificate is asked for */
    ROUTE_CLIENT_AUTH_ON,             /* without a good one: 400 */
    ROUTE_CLIENT_AUTH_OPTIONAL,       /* none passes, a bad one: 400 */
    ROUTE_CLIENT_AUTH_OPTIONAL_NO_CA, /* as OPTIONAL, but whoever signed it */
    ROUTE_CLIENT_AUTH_BROKEN, /* nothing to check by: every request of the host gets 403, over TLS or not */
};

struct route_client_auth {
    enum route_client_auth_mode mode;
    uint32_t depth; /* certificates between the client's and a trusted one, at most */
    const struct route_authorities *authorities; /* NULL: for OFF and BROKEN only */
    struct span error_page;  /* where those without a good certificate are sent; empty: 400 */
    struct span match_cn;    /* base/pattern.h, for the subject; empty: any */
    bool passes_certificate; /* to the backend, in ssl-client-cert */
    struct route_origin origin;
};

/* Whoever has a say in what a host is. */
struct route_source {
    struct span namespace, name;
    struct route_source *next;
};

/* Whose order of TLS 1.2 ciphers counts. */
enum route_cipher_choice {
    ROUTE_CIPHERS_AS_SET, /* of a host: as the settings say */
    ROUTE_CIPHERS_OF_SERVER,
    ROUTE_CIPHERS_OF_CLIENT,
};

struct route_host {
    struct span name; /* lower case; "*.example.com"; "" is any host */
    VEC(struct route_path *) paths;
    const struct route_certificate *certificate;       /* NULL: the default one */
    const struct route_certificate *other_certificate; /* with a key of another type; NULL: none */
    bool has_tls; /* an Ingress of this host has spec.tls: what the https redirect asks for */
    struct span tls_ciphers; /* TLS 1.2; empty: as the settings say */
    enum route_cipher_choice cipher_choice;
    const struct route_client_auth *client_auth; /* NULL: none */
    struct route_service *passthrough; /* takes connections with this server name as they are */
    struct route_origin origin;
    struct route_source *sources; /* Ingresses that have a rule or default backend for it */
    uint32_t index;               /* in model->hosts */
    uint32_t serial;              /* of no other host that the model had or has */
    struct route_batch *batch;
};

enum route_log_escape { ROUTE_LOG_ESCAPE_DEFAULT, ROUTE_LOG_ESCAPE_JSON, ROUTE_LOG_ESCAPE_NONE };

struct route_tls_settings {
    uint32_t versions;   /* enum route_tls_version, or-ed */
    struct span ciphers; /* TLS 1.2; an OpenSSL list; empty: the built-in one (tls/policy.h) */
    struct span groups;  /* for key exchange, likewise; empty: the library's own */
    struct span dh_pem;  /* parameters of DHE; empty: no DHE */
    enum route_cipher_choice cipher_choice;
    bool resumption; /* by tickets */
    uint32_t session_timeout_ms;
    bool rejects_unknown; /* server names without a host: no handshake */
    struct span hsts;     /* value of Strict-Transport-Security; empty: not sent */
};

enum { ROUTE_GZIP_LEVEL_MIN = 1, ROUTE_GZIP_LEVEL_MAX = 9, ROUTE_BROTLI_LEVEL_MAX = 11 };

struct route_compression {
    bool is_on;
    uint32_t level;      /* of the coding's own */
    uint32_t length_min; /* bytes, where the response says its length */
    struct span types;   /* lower case, one space between; "*": all */
    struct span not_for; /* regular expression (base/pattern.h) for User-Agent; empty: none */
};

/* Of TCP and UDP Services. */
struct route_stream_settings {
    uint32_t timeout_ms; /* of an idle session */
    bool next_upstream;  /* asks another endpoint where connecting fails */
    uint32_t next_upstream_timeout_ms, next_upstream_tries;
    uint32_t responses; /* datagrams after which a UDP session is over */
    bool access_log;
    struct span log_format; /* "" is the built-in one */
};

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
    uint32_t upstream_requests_max, upstream_age_max_ms; /* of a kept connection */
    bool http2;                                          /* towards clients */
    uint32_t http2_streams_max;
    bool proxy_protocol; /* expected of every client */
    uint32_t proxy_protocol_timeout_ms;
    struct route_tls_settings tls;
    struct route_compression gzip, brotli;
    struct route_stream_settings stream;
};

/* A port of the gate that leads to a Service below HTTP. */
struct route_listener {
    enum route_transport transport;
    uint16_t port;
    bool accepts_proxy;    /* a PROXY header, of any version, from clients */
    uint8_t proxy_version; /* of the PROXY header to the Service: 1 or 2; 0: none is sent */
    struct route_service *service;
    struct route_origin origin;
};

enum {
    ROUTE_LISTENERS_MAX = 256, /* each is a socket in every worker */
    ROUTE_TICKET_KEYS_MAX = 4,
};

/* What keys of session tickets are derived from (tls/tickets.h); of the lengths that ingress-nginx takes. */
struct route_ticket_key {
    uint8_t bytes[80];
    uint32_t len; /* 48 or 80 */
};

static inline bool route_ticket_key_len_is_valid(size_t len)
{
    return len == 48 || len == 80;
}

/* How a model differs from what it was: what an image must write anew. */
struct route_changes {
    struct arena texts;
    VEC(struct span) hosts; /* names; also of hosts that are gone */
    VEC(uint64_t) services; /* keys of those whose endpoints changed, that came or went */
    bool secrets;           /* the set of certificates and authorities */
    bool settings;          /* what belongs to no host */
};

struct route_model {
    struct arena arena; /* of the newest batch */
    struct route_batch *batch, *first_batch;
    VEC(struct route_host *) hosts;
    VEC(struct route_service *) services;
    VEC(struct route_certificate *) certificates; /* all that anything above names */
    VEC(struct route_authorities *) authorities;  /* likewise */
    VEC(struct route_listener *) listeners;       /* by transport and port */
    const struct route_certificate
        *default_certificate; /* NULL: TLS handshakes have nothing to show */
    struct route_ticket_key ticket_keys[ROUTE_TICKET_KEYS_MAX]; /* newest first */
    size_t ticket_keys_len;
    struct route_rule *default_rule; /* for what no host and path takes; NULL: built-in 404 */
    struct route_settings settings;
    struct map hosts_by_name;
    struct map paths_by_key; /* by host, kind and path */
    struct idmap services_by_key;
    struct map services_by_name; /* "namespace/name" → the first of its ports */
    uint32_t hosts_made;
    uint32_t passthroughs; /* hosts that have it */
};

YETT_MUST_USE struct route_model *route_model_new(void);
struct route_model *route_model_free(struct route_model *model);

/* What is made from now on makes a batch of its own. The first batch lives as long as the model. */
void route_batch_begin(struct route_model *model);
/* Where what belongs to `service` may lie. */
struct arena *route_service_arena(struct route_model *model, const struct route_service *service);

void route_changes_init(struct route_changes *changes);
void route_changes_deinit(struct route_changes *changes);

/* Defaults as docs/compatibility.md lists them (ingress-nginx's own). */
struct route_settings route_settings_default(void);
struct route_policy route_policy_default(void);

/* Finds or adds. `name` and the others are copied. */
struct route_host *route_host_get(struct route_model *model, struct span name);
struct route_path *route_path_get(struct route_model *model, struct route_host *host,
                                  enum route_path_kind kind, struct span path);
struct route_service *route_service_get(struct route_model *model, enum route_transport transport,
                                        struct span namespace, struct span name, struct span port);
/* The ports of a Service that rules name, by `next_port`, or NULL. */
struct route_service *route_service_find(const struct route_model *model, struct span namespace,
                                         struct span name);
struct route_certificate *route_certificate_new(struct route_model *model);
struct route_authorities *route_authorities_new(struct route_model *model);
struct route_listener *route_listener_new(struct route_model *model);
struct route_rule *route_rule_new(struct route_model *model);
void route_listener_set_service(struct route_listener *listener, struct route_service *service);
void route_host_set_passthrough(struct route_model *model, struct route_host *host,
                                struct route_service *service);
/* One backend of full weight. */
void route_rule_set_service(struct route_model *model, struct route_rule *rule,
                            struct route_service *service);

/* Take a thing out, and it is gone. The last of its kind takes its place in the list. */
void route_host_remove(struct route_model *model, struct route_host *host);
void route_service_remove(struct route_model *model, struct route_service *service);
/* Takes out the certificates and authorities whose id is no key of `kept`; the rest keeps its order. Returns
 * whether there were any. */
bool route_secrets_keep(struct route_model *model, const struct idmap *kept);

/* Identities that outlive an image. */
uint64_t route_service_key(enum route_transport transport, struct span namespace, struct span name,
                           struct span port);
uint64_t route_endpoint_id(const struct route_endpoint *endpoint);
/* `host`: the name of the host that the rule stands under; it is a label of its own. */
uint64_t route_metric_id(const struct route_rule *rule, struct span host,
                         const struct route_service *service);

#endif
