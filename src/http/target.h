/* http/target.h
 *
 * Purpose    Request targets and hosts: take apart, normalise for matching.
 * See        RFC 9112 3.2, RFC 3986 5.2.4; docs/internals/http1.md */
#ifndef YETT_HTTP_TARGET_H
#define YETT_HTTP_TARGET_H

#include "base/compiler.h"
#include "http/message.h"

enum { HOST_NAME_MAX_BYTES = 255 }; /* RFC 1035, 2.3.4; a longer name is no host */

enum target_result { TARGET_OK = 0, TARGET_BAD };

enum target_form { TARGET_ORIGIN, TARGET_ABSOLUTE, TARGET_ASTERISK };

struct target {
    enum target_form form;
    struct span scheme;    /* absolute form only: "http" or "https" */
    struct span authority; /* absolute form only */
    struct span origin;    /* path and query as sent: what a backend gets; "*" for asterisk */
    struct span path;      /* as sent, without query */
    struct span query;     /* without '?'; ptr NULL: no query */
};

/* An absolute form with nothing after its authority has "/" for origin and path, of OPTIONS "*"
 * (RFC 9112, 3.2.4). What follows '#' belongs neither to path nor to query. TARGET_BAD: CONNECT's
 * authority form, "*" for another method than OPTIONS, user information, and a query right after
 * the authority (its origin form would have to be made up). */
YETT_MUST_USE int target_parse(struct span text, enum http_method method,
                               struct target *ret_target);

/* The path as routes match it: percent-decoded once, dot segments resolved, slashes merged. Written
 * to `at` (path.len bytes of room) unless nothing had to change: then *ret_path borrows from
 * `path`.
 * "*" stays as it is. TARGET_BAD: climbs above the root, %00, bad escapes, no slash at the start.
 */
YETT_MUST_USE int target_normalise(struct span path, char *at, struct span *ret_path);

/* A Host value → lower-case name without port and one trailing dot, written to `at` (value.len
 * bytes of room) unless nothing had to change. IPv6 literals keep their brackets; the empty value
 * gives the empty name. TARGET_BAD: not a host. */
YETT_MUST_USE int host_normalise(struct span value, char *at, struct span *ret_host);

bool host_is_valid(struct span value); /* whether host_normalise() takes it */

#endif
