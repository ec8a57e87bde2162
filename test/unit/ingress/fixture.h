/* A store filled from YAML, for tests of the ingress room. */
#ifndef YETT_TEST_INGRESS_FIXTURE_H
#define YETT_TEST_INGRESS_FIXTURE_H

#include "kube/decode.h"
#include "kube/store.h"

struct fixture {
    struct kube_bundle *bundle;
    struct kube_store store;
};

enum fixture_order { FIXTURE_AS_WRITTEN, FIXTURE_BACKWARDS };

static inline void fixture_init(struct fixture *fixture, const char *yaml, enum fixture_order order)
{
    fixture->bundle = kube_bundle_decode(span_from_str(yaml), SPAN("test.yaml"));
    invariant(fixture->bundle->diags.errors == 0);
    kube_store_init(&fixture->store);
    size_t len = fixture->bundle->objects.len;
    for (size_t i = 0; i < len; i++) {
        size_t at = order == FIXTURE_BACKWARDS ? len - 1 - i : i;
        invariant(kube_store_put(&fixture->store, &fixture->bundle->objects.items[at]) == NULL);
    }
}

static inline void fixture_deinit(struct fixture *fixture)
{
    kube_store_deinit(&fixture->store);
    fixture->bundle = kube_bundle_free(fixture->bundle);
}

#endif
