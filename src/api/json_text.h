/* api/json_text.h
 *
 * Purpose    A look into JSON text without a tree: where a member's value stands, what a string says.
 *            For the few fields that steer a watch; objects themselves are read by kube/decode.h.
 * Ownership  Results borrow from the text.
 * Limits     Time goes with the text; no recursion, so that depth costs nothing.
 * Errors     Text that is no JSON gives nothing, or what JSON it looks like; never a read past its end. */
#ifndef YETT_API_JSON_TEXT_H
#define YETT_API_JSON_TEXT_H

#include "base/span.h"

/* The value of `key` in the object that `object` is, without space around it; empty: there is none. Of
 * a key that stands twice, the first. Keys with escapes are not found. */
struct span json_text_member(struct span object, struct span key);

/* json_text_member() down a path of keys that ends with NULL. */
struct span json_text_path(struct span object, const char *const *keys);

/* What the string `value` says; empty: it is no string, or has escapes, as no name, version or token
 * that Kubernetes makes has. */
struct span json_text_string(struct span value);

/* What stands between its quotes, escapes as they are: for messages. */
struct span json_text_inside(struct span value);

/* The end of a run without quotes and backslashes that starts at `at`. */
const char *json_text_plain_end(const char *at, const char *end);

#endif
