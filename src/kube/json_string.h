/* kube/json_string.h
 *
 * Purpose    The strings of JSON texts (RFC 8259, section 7).
 * Ownership  A text without escapes borrows from the JSON; others lie in the arena.
 * Roles      The kube room. */
#ifndef YETT_KUBE_JSON_STRING_H
#define YETT_KUBE_JSON_STRING_H

#include "base/arena.h"

enum kube_json_string_result {
    KUBE_JSON_STRING_OK = 0,
    KUBE_JSON_STRING_OPEN,    /* the text ends within the string */
    KUBE_JSON_STRING_CONTROL, /* a line break, a tab or the like */
    KUBE_JSON_STRING_NOT_UTF8,
    KUBE_JSON_STRING_BAD_ESCAPE,
    KUBE_JSON_STRING_LONE_SURROGATE,
    KUBE_JSON_STRING_NUL, /* \u0000, which no text of Kubernetes may hold */
};

/* *rest begins after the opening quote. On OK it is moved past the closing one; on any other result, to what
 * is wrong. */
YETT_MUST_USE int kube_json_string(struct arena *arena, struct span *rest, struct span *ret_text);

#endif
