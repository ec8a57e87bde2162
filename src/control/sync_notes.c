#include "control/sync_notes.h"

#include "base/clock.h"
#include "base/scope.h"
#include "control/ours.h"

static void names_clear(struct sync_notes *notes)
{
    map_deinit(&notes->names);
    arena_deinit(&notes->texts);
    arena_init(&notes->texts, 4096);
}

void sync_notes_deinit(struct sync_notes *notes)
{
    map_deinit(&notes->names);
    if (notes->is_begun)
        arena_deinit(&notes->texts);
    *notes = (struct sync_notes){ 0 };
}

static void name_add(struct sync_notes *notes, struct span namespace, struct span name)
{
    struct span key =
        arena_printf(&notes->texts, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(namespace), SPAN_ARG(name));

    map_put(&notes->names, key, (void *)key.ptr);
}

void sync_notes_on_change(struct sync_notes *notes, const struct source_change *change)
{
    if (!notes->is_begun) {
        arena_init(&notes->texts, 4096);
        notes->is_begun = notes->has_all = true;
        return;
    }
    notes->has_all |= change->touched.is_whole;
    vec_for_each (touched, &change->touched.objects) {
        if (touched->kind == KUBE_INGRESS && notes->names.len < EVENTS_SYNC_MAX)
            name_add(notes, touched->namespace, touched->name);
    }
}

void sync_notes_on_serving(struct sync_notes *notes)
{
    notes->is_served |= notes->is_begun;
}

struct teller {
    struct ours ours;
    struct events *events;
};

static void ingress_tell(struct teller *teller, const struct kube_object *ingress)
{
    if (ours_has(&teller->ours, ingress))
        events_on_sync(teller->events, ingress->namespace, ingress->name);
}

static void named_tell(const struct sync_notes *notes, const struct kube_store *store,
                       struct teller *teller)
{
    const char *text;

    for (size_t cursor = 0; (text = map_next(&notes->names, &cursor));) {
        struct span key = span_from_str(text);
        size_t slash = span_find(key, '/');
        const struct kube_object *ingress =
            kube_store_find(store, KUBE_INGRESS, span_upto(key, slash), span_from(key, slash + 1));
        if (ingress)
            ingress_tell(teller, ingress);
    }
}

static void all_tell(const struct kube_store *store, struct teller *teller)
{
    int64_t since_s = clock_wall_s() - SYNC_NOTES_NEW_S;
    const struct kube_object *ingress;

    for (size_t cursor = 0; (ingress = kube_store_next(store, KUBE_INGRESS, &cursor));) {
        if (ingress->created_s >= since_s)
            ingress_tell(teller, ingress);
    }
}

void sync_notes_tell(struct sync_notes *notes, const struct kube_store *store,
                     const struct ingress_options *options, struct events *events)
{
    struct teller teller = { .events = events };

    if (!notes->is_served)
        return;
    ours_init(&teller.ours, store, options);
    if (notes->has_all)
        all_tell(store, &teller);
    else
        named_tell(notes, store, &teller);
    ours_deinit(&teller.ours);
    sync_notes_drop(notes);
}

void sync_notes_drop(struct sync_notes *notes)
{
    if (!notes->is_served)
        return;
    names_clear(notes);
    notes->has_all = notes->is_served = false;
}
