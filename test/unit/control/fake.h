/* test/unit/control/fake.h
 *
 * Purpose    A source made of texts and the supervisor's end of a channel, for tests of what
 *            lies between.
 * Ownership  fake_close() ends both. */
#ifndef YETT_TEST_CONTROL_FAKE_H
#define YETT_TEST_CONTROL_FAKE_H

#include "control/reconcile.h"
#include "control/source.h"
#include "kube/decode.h"

/* An Ingress for `host` with Service `name` behind it, one endpoint at `address`. */
#define FAKE_INGRESS(name, host)                                                              \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " name                 \
    "}\nspec:\n  rules:\n  - host: " host                                                     \
    "\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend: " \
    "{service: {name: " name ", port: {number: 80}}}\n---\n"
/* The same with TLS, by the Secret `name`. */
#define FAKE_INGRESS_TLS(name, host)                                                          \
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: " name                 \
    "}\nspec:\n  tls: [{hosts: [" host "], secretName: " name "}]\n  rules:\n  - host: " host \
    "\n    http:\n      paths:\n      - path: /\n        pathType: Prefix\n        backend: " \
    "{service: {name: " name ", port: {number: 80}}}\n---\n"
#define FAKE_SERVICE(name)                                                              \
    "apiVersion: v1\nkind: Service\nmetadata: {name: " name "}\nspec: {ports: [{port: " \
    "80}]}\n---\n"
#define FAKE_SLICE(name, address)                                                    \
    "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata:\n  name: " name \
    "-1\n  labels: {kubernetes.io/service-name: " name                               \
    "}\naddressType: IPv4\nports: [{port: 8080}]\nendpoints: [{addresses: [" address "]}]\n---\n"
#define FAKE_APP(name, host, address) \
    FAKE_INGRESS(name, host) FAKE_SERVICE(name) FAKE_SLICE(name, address)

struct fake {
    struct loop *loop;
    struct source source;
    struct kube_bundle *bundle, *patch;
    struct ingress_options options;
    int supervisor; /* its end of the channel */
    int channel;    /* the controller's */
    struct reconcile *reconcile;
};

void fake_open(struct fake *fake);
void fake_close(struct fake *fake);
/* For cmocka: `*state` is a struct fake. */
int fake_setup(void **state);
int fake_teardown(void **state);

/* Replaces all objects by those of `yaml`, and tells it: as a change of `kinds` only, 0: of all. */
void fake_change(struct fake *fake, const char *yaml, uint32_t kinds);
/* Replaces those of the same names, and tells just that; to be of the same names each time. */
void fake_patch(struct fake *fake, const char *yaml);
/* Runs what is queued. */
void fake_turn(struct fake *fake);

/* What the controller sent, as an opened and verified image; NULL: nothing. */
struct image_view *fake_published(struct fake *fake);
/* The supervisor's answer, delivered. */
void fake_answer(struct fake *fake, enum proc_message_kind kind, uint64_t generation);

/* fake_change(), fake_published() and the answer that all is well; returns the generation, 0: nothing was
 * published. */
uint64_t fake_serve(struct fake *fake, const char *yaml);

/* Text of the first endpoint behind the host's "/", e.g. "10.0.0.1"; "" where there is none. */
const char *fake_endpoint(const struct image_view *view, const char *host);

#endif
