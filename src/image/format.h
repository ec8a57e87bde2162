/* image/format.h
 *
 * Purpose    The bytes of a routing image: the one contract between controller and workers.
 * Units      Little-endian, fixed width, offsets from the start of the segment, 8-byte aligned.
 * See        docs/internals/image.md
 *
 * An image is a root and its segments, each a sealed memfd of its own:
 *
 *   root      struct image_root, then root.segments_len × struct image_segment_ref:
 *             secrets, then a segment of routes and one of endpoints for each shard
 *   segment   struct image_segment (header with a table of sections), then the sections
 *
 *   ROUTES    a shard's hosts, sorted by name (wildcards after them), their lookup table, paths, their lookup table, rules,
 *             predicates, filters, backends, the services that these name, policies, TLS towards backends, client
 *             authentication, origins, strings; in the first shard also what belongs to no host:
 *             settings, trusted blocks, the default rule, listeners of TCP and UDP
 *   ENDPOINTS a shard's services by key → runs of endpoints; strings (DNS names)
 *   SECRETS   certificates with their private keys, authorities, keys of session tickets
 *
 * Sections lie in the order of enum image_section, without overlaps; one that a segment's kind does
 * not have is empty. Tables of slots are open-addressed, probed one by one, a power of two in size
 * and at most half full (image/lookup.h has the hashes).
 *
 * Shards are as many as root.shards says, a power of two. A host lies in the shard of its name's hash,
 * a service's endpoints in that of its key: (hash >> 32) & (shards - 1). So a change rewrites the
 * shards that it concerns and the root, and the rest keeps its bytes, descriptor and generation.
 *
 * Whatever names something in a ROUTES segment, an index or the offset of a text, has the shard in its
 * upper IMAGE_SHARD_BITS, so that it can be followed from anywhere. */
#ifndef YETT_IMAGE_FORMAT_H
#define YETT_IMAGE_FORMAT_H

#include <assert.h>
#include <stdint.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "images are little-endian");

#define IMAGE_MAGIC_ROOT    0x31544f4f52545459u /* "YTTROOT1" */
#define IMAGE_MAGIC_SEGMENT 0x3147455354544559u /* "YETTSEG1" */

enum {
    IMAGE_FORMAT_VERSION = 4,
    IMAGE_ALIGN = 8,
    IMAGE_SHARD_BITS = 6,
    IMAGE_LOCAL_BITS = 32 - IMAGE_SHARD_BITS,
    IMAGE_LOCAL_MASK = (1 << IMAGE_LOCAL_BITS) - 1,
    IMAGE_SHARDS_MAX = 1 << IMAGE_SHARD_BITS,
    IMAGE_SEGMENTS_MAX = 1 + 2 * IMAGE_SHARDS_MAX, /* well below SCM_RIGHTS' 253 descriptors */
    IMAGE_SHARD_OBJECTS = 128, /* hosts, and services, that a shard is made for */
    IMAGE_SECTIONS_MAX = 32,   /* a format of more sections is another version */
    IMAGE_NONE = 0xFFFFFFFF,   /* an index that names nothing */
};

#define IMAGE_SEGMENT_BYTES_MAX (2ull << 30) /* offsets are 32 bits wide, with a bit to spare */
#define IMAGE_ROUTES_BYTES_MAX  (1ull << IMAGE_LOCAL_BITS)

enum image_segment_kind { IMAGE_ROUTES = 1, IMAGE_ENDPOINTS = 2, IMAGE_SECRETS = 3 };

struct image_root {
    uint64_t magic;
    uint32_t version, segments_len;
    uint64_t generation; /* counts up with each image published */
    uint32_t shards, reserved;
    uint64_t checksum; /* hash_bytes() of root and segment refs with this field 0 */
};
static_assert(sizeof(struct image_root) == 40, "image_root");

struct image_segment_ref {
    uint32_t kind, shard;
    uint64_t generation; /* that of the root it first appeared in */
    uint64_t size_bytes;
    uint64_t checksum; /* hash_block() of the whole segment */
};
static_assert(sizeof(struct image_segment_ref) == 32, "image_segment_ref");

enum image_section {
    IMAGE_SECTION_STRINGS,
    IMAGE_SECTION_HOSTS,      /* struct image_host */
    IMAGE_SECTION_HOST_SLOTS, /* uint32_t index of a host, IMAGE_NONE free; power of two */
    IMAGE_SECTION_PATHS, /* struct image_path, grouped by host; Exact, then the longest first */
    IMAGE_SECTION_PATH_SLOTS, /* uint32_t index of a path; by hash of host index, kind and path */
    IMAGE_SECTION_RULES,
    IMAGE_SECTION_PREDICATES,
    IMAGE_SECTION_FILTERS,
    IMAGE_SECTION_BACKENDS,
    IMAGE_SECTION_SERVICES,
    IMAGE_SECTION_POLICIES,
    IMAGE_SECTION_BACKEND_TLS,
    IMAGE_SECTION_CLIENT_AUTHS,
    IMAGE_SECTION_SETTINGS,  /* one struct image_settings */
    IMAGE_SECTION_TRUSTED,   /* struct image_block */
    IMAGE_SECTION_LISTENERS, /* struct image_listener, sorted by transport and port */
    IMAGE_SECTION_ORIGINS,
    IMAGE_SECTION_ENDPOINT_SETS,  /* struct image_endpoint_set */
    IMAGE_SECTION_ENDPOINT_SLOTS, /* uint32_t index of a set; by key */
    IMAGE_SECTION_ENDPOINTS,
    IMAGE_SECTION_CERTIFICATES, /* struct image_certificate, sorted by id */
    IMAGE_SECTION_AUTHORITIES,  /* struct image_authorities, likewise */
    IMAGE_SECTION_TICKET_KEYS,  /* struct image_ticket_key, newest first */
    IMAGE_SECTIONS_LEN
};
static_assert((int)IMAGE_SECTIONS_LEN <= IMAGE_SECTIONS_MAX, "room in the table of sections");

struct image_section_ref {
    uint32_t offset, count; /* count of records; of bytes for STRINGS */
};

struct image_segment {
    uint64_t magic;
    uint32_t version, kind;
    uint64_t size_bytes;
    struct image_section_ref sections[IMAGE_SECTIONS_MAX];
};
static_assert(sizeof(struct image_segment) == 24 + 8 * IMAGE_SECTIONS_MAX, "image_segment");

struct image_str {
    uint32_t offset, len; /* within STRINGS */
};

struct image_host {
    struct image_str name;
    uint32_t paths_first, paths_len;
    uint32_t
        prefix_depth_max;    /* segments of the deepest prefix: bounds the look-ups of a request */
    uint32_t flags;          /* enum image_host_flag */
    uint64_t certificate_id; /* 0: the default one */
    uint64_t other_certificate_id; /* with a key of another type; 0: none */
    struct image_str tls_ciphers;  /* empty: as the settings say */
    uint32_t client_auth;          /* IMAGE_NONE: none */
    uint32_t passthrough;          /* service that takes its TLS undecrypted; IMAGE_NONE: none */
    uint32_t origin, index;        /* index: its own */
};
static_assert(sizeof(struct image_host) == 64, "image_host");

enum image_host_flag {
    IMAGE_HOST_TLS = 1 << 0,               /* an Ingress of this host has spec.tls */
    IMAGE_HOST_HAS_EXACT = 1 << 1,         /* has an Exact path: saves the others that look-up */
    IMAGE_HOST_CIPHERS_OF_SERVER = 1 << 2, /* whose order of TLS 1.2 ciphers counts; neither: as */
    IMAGE_HOST_CIPHERS_OF_CLIENT = 1 << 3, /* the settings say */
};

struct image_client_auth {
    uint64_t authorities_id; /* 0: none, for OFF and BROKEN only */
    struct image_str error_page, match_cn;
    uint32_t mode, depth; /* enum route_client_auth_mode */
    uint32_t flags;       /* enum image_client_auth_flag */
    uint32_t origin;
};
static_assert(sizeof(struct image_client_auth) == 40, "image_client_auth");

enum image_client_auth_flag { IMAGE_CLIENT_AUTH_PASS_CERTIFICATE = 1 };

struct image_path {
    struct image_str path;
    uint32_t host, kind; /* enum route_path_kind */
    uint32_t rules_first, rules_len;
};
static_assert(sizeof(struct image_path) == 24, "image_path");

struct image_rule {
    uint64_t metric_id;
    struct image_str namespace, ingress, path;
    uint32_t predicates_first, predicates_len;
    uint32_t filters_first, filters_len;
    uint32_t backends_first, backends_len;
    uint32_t policy, origin;
    uint32_t weight_total, reserved;
};
static_assert(sizeof(struct image_rule) == 72, "image_rule");

struct image_predicate {
    uint32_t kind, reserved; /* enum route_predicate_kind */
    struct image_str name, value;
};
static_assert(sizeof(struct image_predicate) == 24, "image_predicate");

struct image_filter {
    uint32_t kind; /* enum route_filter_kind */
    uint16_t status;
    uint16_t flags; /* enum image_filter_flag */
};
static_assert(sizeof(struct image_filter) == 8, "image_filter");

enum image_filter_flag { IMAGE_FILTER_KEEP_TRAILING_SLASH = 1 };

struct image_backend {
    uint32_t service, weight;
};
static_assert(sizeof(struct image_backend) == 8, "image_backend");

struct image_service {
    uint64_t key;
    struct image_str namespace, name, port, upstream_name;
    uint32_t protocol, balance; /* enum route_protocol, route_balance */
    uint32_t origin;
    uint32_t transport; /* enum route_transport */
};
static_assert(sizeof(struct image_service) == 56, "image_service");

struct image_policy {
    uint32_t connect_timeout_ms, read_timeout_ms, send_timeout_ms;
    uint32_t retry_tries, retry_timeout_ms, retry_on;
    uint64_t body_bytes_max;
    uint32_t protocol;    /* enum route_protocol */
    uint32_t backend_tls; /* IMAGE_NONE: any certificate will do, no SNI */
};
static_assert(sizeof(struct image_policy) == 40, "image_policy");

struct image_backend_tls {
    uint64_t certificate_id; /* the gate's own as a client; 0: none */
    uint64_t authorities_id; /* 0: none */
    struct image_str name, ciphers;
    uint32_t versions; /* enum route_tls_version, or-ed */
    uint32_t depth;
    uint32_t flags; /* enum image_backend_tls_flag */
    uint32_t reserved;
};
static_assert(sizeof(struct image_backend_tls) == 48, "image_backend_tls");

enum image_backend_tls_flag {
    IMAGE_BACKEND_TLS_VERIFY = 1 << 0,
    IMAGE_BACKEND_TLS_SEND_NAME = 1 << 1,
    IMAGE_BACKEND_TLS_BROKEN = 1 << 2, /* its secrets are not here: 502, without connecting */
};

enum image_settings_flag {
    IMAGE_USE_FORWARDED_HEADERS = 1 << 0,
    IMAGE_ENABLE_REAL_IP = 1 << 1,
    IMAGE_COMPUTE_FULL_FORWARDED_FOR = 1 << 2,
    IMAGE_GENERATE_REQUEST_ID = 1 << 3,
    IMAGE_ALLOW_UNDERSCORES = 1 << 4,
    IMAGE_IGNORE_INVALID_HEADERS = 1 << 5,
    IMAGE_ACCESS_LOG = 1 << 6,
    IMAGE_HTTP2 = 1 << 7,
    IMAGE_PROXY_PROTOCOL = 1 << 8,
    IMAGE_GZIP = 1 << 9,
    IMAGE_BROTLI = 1 << 10,
    IMAGE_TLS_CIPHERS_OF_SERVER = 1 << 11, /* else those of the client */
    IMAGE_TLS_RESUMPTION = 1 << 12,
    IMAGE_TLS_REJECT_UNKNOWN = 1 << 13, /* server names without a host: no handshake */
    IMAGE_TLS_PASSTHROUGH = 1 << 14,    /* some host has it: look at each ClientHello first */
    IMAGE_STREAM_NEXT_UPSTREAM = 1 << 15,
    IMAGE_STREAM_ACCESS_LOG = 1 << 16,
};

struct image_settings {
    struct image_str forwarded_for_header, log_format;
    struct image_str stream_log_format;
    struct image_str tls_ciphers, tls_groups;  /* empty: the built-in list; OpenSSL's own */
    struct image_str tls_dh;                   /* PEM; empty: no DHE */
    struct image_str hsts;                     /* a header's value; empty: not sent */
    struct image_str gzip_types, brotli_types; /* one space between; "*": all */
    struct image_str gzip_not_for;             /* of User-Agent; empty: none */
    uint32_t flags, log_escape;
    uint32_t keep_alive_ms, keep_alive_requests;
    uint32_t client_header_timeout_ms, client_body_timeout_ms;
    uint32_t upstream_idle_max, upstream_idle_timeout_ms;
    uint32_t upstream_requests_max, upstream_age_max_ms;
    uint32_t http2_streams_max, proxy_protocol_timeout_ms;
    uint32_t tls_versions, tls_session_timeout_s; /* versions: enum route_tls_version, or-ed */
    uint32_t gzip_level, gzip_length_min;
    uint32_t brotli_level, brotli_length_min;
    uint32_t stream_timeout_ms, stream_next_upstream_timeout_ms;
    uint32_t stream_next_upstream_tries, stream_responses;
    uint32_t default_rule, reserved; /* IMAGE_NONE: built-in 404 */
    uint64_t default_certificate_id; /* 0: none */
};
static_assert(sizeof(struct image_settings) == 184, "image_settings");

struct image_listener {
    uint16_t transport, port; /* enum route_transport */
    uint32_t service;
    uint32_t flags; /* enum image_listener_flag */
    uint32_t origin;
};
static_assert(sizeof(struct image_listener) == 16, "image_listener");

enum image_listener_flag {
    IMAGE_LISTENER_ACCEPT_PROXY = 1 << 0,
    IMAGE_LISTENER_SEND_PROXY_V1 = 1 << 1,
    IMAGE_LISTENER_SEND_PROXY_V2 = 1 << 2, /* not with the one before */
};

struct image_block {
    uint8_t addr[16];
    uint32_t prefix_bits, reserved;
};
static_assert(sizeof(struct image_block) == 24, "image_block");

struct image_origin {
    struct image_str kind, namespace, name, field, file;
    uint32_t line, column;
};
static_assert(sizeof(struct image_origin) == 48, "image_origin");

struct image_endpoint_set {
    uint64_t service_key;
    uint32_t endpoints_first, endpoints_len;
};
static_assert(sizeof(struct image_endpoint_set) == 16, "image_endpoint_set");

struct image_endpoint {
    uint64_t id;
    uint8_t ip[16];
    struct image_str dns_name;
    uint16_t port, kind; /* enum route_endpoint_kind */
    uint32_t reserved;
};
static_assert(sizeof(struct image_endpoint) == 40, "image_endpoint");

struct image_certificate {
    uint64_t id;
    struct image_str chain_pem, key_pem;
};
static_assert(sizeof(struct image_certificate) == 24, "image_certificate");

struct image_authorities {
    uint64_t id;
    struct image_str ca_pem, crl_pem;
};
static_assert(sizeof(struct image_authorities) == 24, "image_authorities");

struct image_ticket_key {
    uint8_t bytes[80];
    uint32_t len, reserved; /* 48 or 80: struct route_ticket_key */
};
static_assert(sizeof(struct image_ticket_key) == 88, "image_ticket_key");

#endif
