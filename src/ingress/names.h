/* ingress/names.h
 *
 * Purpose    Hosts and paths as Ingresses write them → the form in which requests are compared; names of objects,
 *            as annotations and the ConfigMap write them.
 * Ownership  Results lie in the arena given, or borrow from the input.
 * Roles      The ingress room; struct ingress_object_name is part of its options.
 * See        RFC 1123 2.1, RFC 3986 6.2.2 */
#ifndef YETT_INGRESS_NAMES_H
#define YETT_INGRESS_NAMES_H

#include "base/arena.h"

struct ingress_object_name {
    struct span namespace, name; /* both empty: not given */
};

/* "namespace/name", each of the letters that Kubernetes allows. Both empty: it is something else. */
struct ingress_object_name ingress_object_name_parse(struct span text);

enum ingress_host_result {
    HOST_OK = 0,
    HOST_TOO_LONG, /* over 253 bytes, or a label over 63 */
    HOST_IS_ADDRESS,
    HOST_BAD_WILDCARD, /* a '*' that is not the whole first label */
    HOST_BAD_LABEL,
};

/* Lower-cases and judges a host that is not empty: RFC 1123 labels, the first may be "*". */
YETT_MUST_USE int ingress_host_parse(struct span text, struct arena *arena, struct span *ret_host);
const char *ingress_host_result_text(enum ingress_host_result result);

enum ingress_path_result {
    PATH_OK = 0,
    PATH_NOT_ABSOLUTE,
    PATH_BAD_ESCAPE, /* "%" without two hex digits, or %00 */
    PATH_ABOVE_ROOT, /* "/.." */
    PATH_HAS_QUERY,  /* "?" or "#", which are never part of a path */
    PATH_HAS_CONTROL,
};

/* Percent-decodes once, merges slashes and resolves dot segments: as the worker does with a request's
 * path before it looks for a rule. The trailing slash stays. */
YETT_MUST_USE int ingress_path_parse(struct span text, struct arena *arena, struct span *ret_path);
const char *ingress_path_result_text(enum ingress_path_result result);

/* It has a character that only makes sense in a regular expression or a glob. */
bool ingress_path_looks_like_regex(struct span path);
/* What a regular expression begins with literally: "/api" of "/api(/|$)(.*)"; "/" at least. */
struct span ingress_path_literal_head(struct span path);

#endif
