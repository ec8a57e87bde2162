/* Decoding in a line, and asking what came of it. */
#ifndef YETT_TEST_KUBE_FIXTURE_H
#define YETT_TEST_KUBE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "kube/decode.h"
#include "kube/node.h"

/* As the file "t.yaml". */
struct kube_bundle *fixture_decode(const char *text);

/* The one object of the bundle. */
const struct kube_object *fixture_object(const struct kube_bundle *bundle);

/* "severity code line:column field", one line a diagnostic, in the order of the list; compared whole. */
void fixture_assert_diags(const struct kube_bundle *bundle, const char *expected);

void fixture_assert_span(struct span actual, const char *expected);

/* The tree in a line: null, true, 80, "text", [a, b], {key: value}; "@line:column" after each where
 * `with_positions`. */
void fixture_assert_tree(const struct kube_node *node, bool with_positions, const char *expected);

static inline void fixture_bundle_freep(struct kube_bundle **bundle)
{
    *bundle = kube_bundle_free(*bundle);
}

#define BUNDLE SCOPED(fixture_bundle_freep) struct kube_bundle

#endif
