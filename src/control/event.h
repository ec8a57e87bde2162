/* control/event.h
 *
 * Purpose    A core/v1 Event as it is written: what is said of which object, and how often. core/v1 and not
 *            events.k8s.io/v1, whose series have no count that a follower of ours could go on from; the API
 *            server shows each as the other, and `kubectl describe` finds both.
 * Ownership  An event borrows its texts.
 * Roles      controller.
 * Limits     EVENT_MESSAGE_MAX bytes of message: a longer one is cut.
 * See        https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ */
#ifndef YETT_CONTROL_EVENT_H
#define YETT_CONTROL_EVENT_H

#include <stdint.h>

#include "base/buf.h"
#include "kube/diag.h"

enum { EVENT_MESSAGE_MAX = 1024 };

/* The object that it is about. */
struct event_subject {
    struct span kind, namespace, name; /* namespace empty: cluster-scoped */
    struct span api_version;
    struct span uid, resource_version; /* empty: not known; `kubectl describe` goes by the uid */
};

struct event {
    struct event_subject subject;
    uint64_t id; /* what tells it from others about the same object */
    bool is_warning;
    struct span reason, message;
};

/* "/api/v1/namespaces/shop/events", and "/web.0123456789abcdef" after it where it is `named`. */
void event_path_append(const struct event *event, bool named, struct buf *out);
/* Bodies: of one that happened `count` times, and of one that did so once more. */
void event_encode_new(const struct event *event, struct span instance, uint32_t count,
                      uint64_t wall_ns, struct buf *out);
void event_encode_repeat(uint32_t count, uint64_t wall_ns, struct buf *out);

/* "service-missing" → "ServiceMissing". */
void event_reason_append(enum diag_code code, struct buf *out);
/* Field, message and mend, as one text; with the object's name where it is not the subject. */
void event_message_append(const struct diag *diag, const struct event_subject *subject,
                          struct buf *out);

#endif
