/* image/match.h
 *
 * Purpose    Which rule takes a request: the very look-up that workers, `routes` and `explain` run.
 * Roles      proxy, cli, control.
 * Limits     Work per request is bounded by the host's deepest prefix, never by the number of paths.
 * See        https://kubernetes.io/docs/concepts/services-networking/ingress/#path-types */
#ifndef YETT_IMAGE_MATCH_H
#define YETT_IMAGE_MATCH_H

#include "base/arena.h"
#include "base/vec.h"
#include "image/view.h"

struct image_request {
    struct span host; /* lower case, without port and trailing dot; empty where there was none */
    struct span path; /* normalised: http/target.h */
    struct span method;
    /* Value of a request header, by name in any case; false where it is absent. NULL: no headers.
     */
    bool (*header_find)(const void *ctx, struct span name, struct span *ret_value);
    const void *header_ctx;
};

enum image_match_result {
    IMAGE_MATCH_OK = 0,
    IMAGE_MATCH_DEFAULT, /* no host and path took it: the default backend's rule */
    IMAGE_MATCH_NONE,    /* and there is none */
};

struct image_match {
    const struct image_host *host; /* NULL where no host took it */
    const struct image_path *path; /* NULL unless IMAGE_MATCH_OK */
    const struct image_rule *rule; /* NULL for IMAGE_MATCH_NONE */
};

/* What was looked at, in order, for people. */
enum image_step_kind {
    IMAGE_STEP_HOST_EXACT,    /* subject: the name looked up */
    IMAGE_STEP_HOST_WILDCARD, /* subject: "*.example.com" */
    IMAGE_STEP_HOST_ANY,
    IMAGE_STEP_PATH_EXACT, /* subject: the path that was tried: one of the host's, or one that it */
    IMAGE_STEP_PATH_PREFIX, /* might have had; "/" for the prefix that takes all */
    IMAGE_STEP_PREDICATE,   /* subject: the header's name that did not hold, or did; or "method" */
    IMAGE_STEP_DEFAULT,
};

struct image_step {
    enum image_step_kind kind;
    bool matched;
    struct span subject;
    const struct image_rule *rule; /* where there is one */
};

struct image_trace {
    struct arena *arena; /* takes the copies of subjects */
    VEC(struct image_step) steps;
};

/* `trace` may be NULL. Returns an image_match_result; *ret_match is set whatever it is. */
YETT_MUST_USE int image_match(const struct image_view *view, const struct image_request *request,
                              struct image_trace *trace, struct image_match *ret_match);

/* Host by the rules of spec.rules.host: exact, then one wildcard label, then any; NULL: none.
 * `trace` may be NULL. */
const struct image_host *image_host_find(const struct image_view *view, struct span host,
                                         struct image_trace *trace);

/* In ids[0] the certificate for a server name (lower case; empty: none sent); 0: none. The exact host's if it
 * has TLS, else the wildcard's if that has, else the default one, which also stands in where a host with TLS
 * has none of its own. In ids[1] the host's certificate with a key of another type; 0: there is none. */
void image_certificates_for(const struct image_view *view, struct span server_name,
                            uint64_t ids[2]);

/* One of the rule's backends, `draw` being uniform over 32 bits; NULL where it has none. */
const struct image_backend *image_backend_choose(const struct image_view *view,
                                                 const struct image_rule *rule, uint32_t draw);

#endif
