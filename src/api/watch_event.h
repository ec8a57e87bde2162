/* api/watch_event.h
 *
 * Purpose    What one event of a watch says.
 * Ownership  Borrows from the event's text.
 * See        https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes */
#ifndef YETT_API_WATCH_EVENT_H
#define YETT_API_WATCH_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

/* An object as the API server gave it: whole, but perhaps not a good one. */
struct reflector_object {
    struct span json;
    /* As its metadata says; empty where it says nothing of use. */
    struct span namespace, name, resource_version;
};

enum watch_event_kind {
    WATCH_OBJECT,      /* ADDED, MODIFIED */
    WATCH_DELETED,     /* the object's last form */
    WATCH_BOOKMARK,    /* the object has a resource_version only */
    WATCH_INITIAL_END, /* the bookmark after which a streaming list is complete */
    WATCH_ERROR,
    WATCH_UNKNOWN,
};

struct watch_event {
    enum watch_event_kind kind;
    struct reflector_object object;
    uint32_t error_code; /* of an ERROR: HTTP's; 500 where it has none */
    struct span message; /* of an ERROR; of an UNKNOWN, what is wrong with it */
};

struct watch_event watch_event_read(struct span json);

struct reflector_object reflector_object_read(struct span json);

#endif
