/* control/sync_notes.h
 *
 * Purpose    Which Ingresses are served anew, for their Sync Event: noted when they change, told when the image
 *            that has them is served.
 * Ownership  Keeps names of its own.
 * Lifetime   A zeroed struct is empty; sync_notes_deinit() returns it to that.
 * Roles      controller.
 * Limits     EVENTS_SYNC_MAX names; what is more is not noted. */
#ifndef YETT_CONTROL_SYNC_NOTES_H
#define YETT_CONTROL_SYNC_NOTES_H

#include "control/events.h"

enum { SYNC_NOTES_NEW_S = 3600 };

struct sync_notes {
    struct arena texts;
    struct map names; /* "namespace/name" → itself */
    bool is_begun;
    bool
        has_all; /* all that were made in the last SYNC_NOTES_NEW_S: the others have been served long since */
    bool is_served; /* what is noted */
};

void sync_notes_deinit(struct sync_notes *notes);

void sync_notes_on_change(struct sync_notes *notes, const struct source_change *change);
void sync_notes_on_serving(struct sync_notes *notes);
/* Tells of what is served, and forgets it. */
void sync_notes_tell(struct sync_notes *notes, const struct kube_store *store,
                     const struct ingress_options *options, struct events *events);
/* Forgets what is served: another tells of it. */
void sync_notes_drop(struct sync_notes *notes);

#endif
