/* image/view.h
 *
 * Purpose    Read one published image. Opening checks the sections, each access its own bounds: an
 *            access out of bounds is a bug (invariant), for the controller verified the image.
 * Ownership  A view owns its mappings, shared by reference with the views of later images that kept
 *            the segment; it never keeps a descriptor. What it returns borrows from it.
 * Lifetime   image_view_open() gives one reference; _ref(), _unref().
 * Roles      control (to verify), proxy, cli.
 * Limits     IMAGE_SEGMENT_BYTES_MAX, IMAGE_SEGMENTS_MAX; a larger image is refused, not truncated.
 * See        docs/internals/image.md */
#ifndef YETT_IMAGE_VIEW_H
#define YETT_IMAGE_VIEW_H

#include "base/bug.h"
#include "base/ip.h"
#include "base/span.h"
#include "image/format.h"
#include "route/model.h"

enum image_open_result {
    IMAGE_OPEN_OK = 0,
    IMAGE_OPEN_UNSEALED, /* a descriptor is still writable by someone */
    IMAGE_OPEN_FOREIGN,  /* other magic or format version */
    IMAGE_OPEN_CORRUPT,  /* a section or checksum does not hold */
};

struct image_segment_map; /* one mapped segment, counted by the views that use it */

/* A segment's sections resolved to pointers and counts, once, when it is opened. */
struct image_segment_view {
    struct image_segment_map *map;
    const void *at[IMAGE_SECTIONS_LEN];
    uint32_t count[IMAGE_SECTIONS_LEN];
};

struct image_view {
    unsigned refs;
    uint64_t generation;
    uint32_t shards;
    struct image_segment_view secrets;
    struct image_segment_view routes[IMAGE_SHARDS_MAX], endpoints[IMAGE_SHARDS_MAX];
};

/* Descriptors of one image: the root's, then one per segment in the order of its refs. */
struct image_fds {
    int root;
    int segments[IMAGE_SEGMENTS_MAX];
    uint32_t segments_len;
};

/* Map the image behind `fds`, which stay with the caller. Segments that `before` (NULL: none) holds
 * already, by kind, shard, generation and checksum, are shared with it and their descriptors not
 * looked at (-1 is fine). Returns an image_open_result or -errno; on OK the caller owns a
 * reference. */
YETT_MUST_USE int image_view_open(const struct image_fds *fds, const struct image_view *before,
                                  struct image_view **ret_view);

/* The same over bytes in memory (copied): for tests, `check`, `explain` and fuzzing; no
 * descriptors. */
YETT_MUST_USE int image_view_open_bytes(struct span root, const struct span *segments,
                                        uint32_t segments_len, struct image_view **ret_view);

struct image_view *image_view_ref(struct image_view *view);
/* Drops a reference; returns NULL. */
struct image_view *image_view_unref(struct image_view *view);

static inline void image_view_unrefp(struct image_view **view)
{
    *view = image_view_unref(*view);
}

static inline const void *image_record(const struct image_segment_view *segment,
                                       enum image_section section, uint32_t index,
                                       size_t record_bytes)
{
    invariant(index < segment->count[section]);
    return (const char *)segment->at[section] + index * record_bytes;
}

/* The shard that an index or a text's offset from a ROUTES segment names, and the place in it. */
static inline const struct image_segment_view *image_shard(const struct image_view *view,
                                                           uint32_t index)
{
    return &view->routes[index >> IMAGE_LOCAL_BITS];
}

static inline uint32_t image_local(uint32_t index)
{
    return index & IMAGE_LOCAL_MASK;
}

#define IMAGE_GETTER(name, section, type)                                                  \
    static inline const struct type *name(const struct image_view *view, uint32_t index)   \
    {                                                                                      \
        return (const struct type *)image_record(image_shard(view, index), section,        \
                                                 image_local(index), sizeof(struct type)); \
    }
IMAGE_GETTER(image_host_get, IMAGE_SECTION_HOSTS, image_host)
IMAGE_GETTER(image_path_get, IMAGE_SECTION_PATHS, image_path)
IMAGE_GETTER(image_rule_get, IMAGE_SECTION_RULES, image_rule)
IMAGE_GETTER(image_predicate_get, IMAGE_SECTION_PREDICATES, image_predicate)
IMAGE_GETTER(image_filter_get, IMAGE_SECTION_FILTERS, image_filter)
IMAGE_GETTER(image_backend_get, IMAGE_SECTION_BACKENDS, image_backend)
IMAGE_GETTER(image_service_get, IMAGE_SECTION_SERVICES, image_service)
IMAGE_GETTER(image_policy_get, IMAGE_SECTION_POLICIES, image_policy)
IMAGE_GETTER(image_backend_tls_get, IMAGE_SECTION_BACKEND_TLS, image_backend_tls)
IMAGE_GETTER(image_client_auth_get, IMAGE_SECTION_CLIENT_AUTHS, image_client_auth)
IMAGE_GETTER(image_listener_get, IMAGE_SECTION_LISTENERS, image_listener)
IMAGE_GETTER(image_trusted_get, IMAGE_SECTION_TRUSTED, image_block)
IMAGE_GETTER(image_origin_get, IMAGE_SECTION_ORIGINS, image_origin)
#undef IMAGE_GETTER

/* Walks the records of a section over all shards, in order: from IMAGE_NONE to the first, from one to
 * the next, from the last to IMAGE_NONE. */
uint32_t image_next(const struct image_view *view, enum image_section section, uint32_t index);

#define image_for_each(index, view, section)                                              \
    for (uint32_t index = image_next((view), (section), IMAGE_NONE); index != IMAGE_NONE; \
         index = image_next((view), (section), index))

/* What belongs to no host lies in the first shard. */
static inline const struct image_settings *image_settings_get(const struct image_view *view)
{
    return (const struct image_settings *)image_record(&view->routes[0], IMAGE_SECTION_SETTINGS, 0,
                                                       sizeof(struct image_settings));
}

static inline uint32_t image_trusted_count(const struct image_view *view)
{
    return view->routes[0].count[IMAGE_SECTION_TRUSTED];
}

static inline uint32_t image_listener_count(const struct image_view *view)
{
    return view->routes[0].count[IMAGE_SECTION_LISTENERS];
}

/* How a backend is spoken to: by the rule's policy, else as its Service says. Never UNSET. */
static inline enum route_protocol image_protocol_of(const struct image_policy *policy,
                                                    const struct image_service *service)
{
    return policy->protocol != ROUTE_PROTOCOL_UNSET ? policy->protocol : service->protocol;
}

/* AUTO_HTTP: perhaps. */
static inline bool image_protocol_has_tls(enum route_protocol protocol)
{
    return protocol == ROUTE_PROTOCOL_HTTPS || protocol == ROUTE_PROTOCOL_H2 ||
           protocol == ROUTE_PROTOCOL_AUTO_HTTP;
}

#define IMAGE_SECRET_GETTER(name, section, type)                                         \
    static inline const struct type *name(const struct image_view *view, uint32_t index) \
    {                                                                                    \
        return (const struct type *)image_record(&view->secrets, section, index,         \
                                                 sizeof(struct type));                   \
    }
IMAGE_SECRET_GETTER(image_certificate_get, IMAGE_SECTION_CERTIFICATES, image_certificate)
IMAGE_SECRET_GETTER(image_authorities_get, IMAGE_SECTION_AUTHORITIES, image_authorities)
IMAGE_SECRET_GETTER(image_ticket_key_get, IMAGE_SECTION_TICKET_KEYS, image_ticket_key)
#undef IMAGE_SECRET_GETTER

/* The newest is the first: it encrypts, all decrypt. None: there are no tickets. */
static inline uint32_t image_ticket_key_count(const struct image_view *view)
{
    return view->secrets.count[IMAGE_SECTION_TICKET_KEYS];
}

/* Text of a record in ENDPOINTS or SECRETS. */
static inline struct span image_text(const struct image_segment_view *segment, struct image_str str)
{
    uint32_t bytes = segment->count[IMAGE_SECTION_STRINGS];

    invariant(str.offset <= bytes && str.len <= bytes - str.offset);
    return span_of((const char *)segment->at[IMAGE_SECTION_STRINGS] + str.offset, str.len);
}

/* Text of a record in ROUTES. */
static inline struct span image_str_get(const struct image_view *view, struct image_str str)
{
    struct image_str local = { image_local(str.offset), str.len };

    return image_text(image_shard(view, str.offset), local);
}

/* Text of a record in SECRETS. */
static inline struct span image_secret_text(const struct image_view *view, struct image_str str)
{
    return image_text(&view->secrets, str);
}

/* A Service's endpoints; len 0 where it has none. Borrowed from the view. */
struct image_endpoints {
    const struct image_endpoint *items;
    uint32_t len;
    const struct image_segment_view *segment; /* for image_text() of dns_name */
};

struct image_endpoints image_endpoints_find(const struct image_view *view, uint64_t service_key);

/* By id, or NULL. */
const struct image_certificate *image_certificate_find(const struct image_view *view, uint64_t id);
const struct image_authorities *image_authorities_find(const struct image_view *view, uint64_t id);

/* By transport and port, or NULL. */
const struct image_listener *image_listener_find(const struct image_view *view,
                                                 enum route_transport transport, uint16_t port);

#endif
