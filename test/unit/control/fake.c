#include "fake.h"

#include <errno.h>

#include "base/scope.h"
#include "image/match.h"
#include "image/verify.h"

static void diags_append(const struct source *source, struct diag_list *diags)
{
    const struct fake *fake = container_of(source, struct fake, source);

    if (fake->bundle)
        diag_list_append(diags, &fake->bundle->diags);
}

static void source_end(struct source *source)
{
    struct fake *fake = container_of(source, struct fake, source);

    kube_store_deinit(&source->store);
    fake->bundle = kube_bundle_free(fake->bundle);
    fake->patch = kube_bundle_free(fake->patch);
}

static const struct source_ops ops = { diags_append, source_end };

void fake_open(struct fake *fake)
{
    int channel[2];

    *fake = (struct fake){ .options = ingress_options_default(), .source.ops = &ops };
    fake->options.watch_without_class = true;
    invariant(proc_channel_pair(channel) == 0);
    fake->supervisor = channel[0];
    fake->channel = channel[1];
    invariant(loop_new(&fake->loop) == 0);
    kube_store_init(&fake->source.store);
    fake->reconcile = reconcile_new(fake->loop, fake->channel, &fake->options);
    reconcile_set_source(fake->reconcile, &fake->source);
}

void fake_close(struct fake *fake)
{
    reconcile_free(fake->reconcile);
    source_free(&fake->source);
    loop_free(fake->loop);
    fd_closep(&fake->supervisor);
    fd_closep(&fake->channel);
}

int fake_setup(void **state)
{
    struct fake *fake = mem_alloc(sizeof(*fake));

    fake_open(fake);
    *state = fake;
    return 0;
}

int fake_teardown(void **state)
{
    fake_close(*state);
    mem_free(*state);
    return 0;
}

void fake_turn(struct fake *fake)
{
    for (int i = 0; i < 3; i++)
        invariant(loop_turn(fake->loop, 0) == 0);
}

static void change_fill(struct source_change *change, const struct kube_bundle *bundle,
                        uint32_t kinds)
{
    if (!bundle)
        return;
    vec_for_each (object, &bundle->objects) {
        if (kinds == 0 || kinds & (1u << object->kind))
            source_change_add(change, object);
    }
}

void fake_change(struct fake *fake, const char *yaml, uint32_t kinds)
{
    struct kube_bundle *before = fake->bundle;
    struct source_change change;

    source_change_init(&change);
    change_fill(&change, before, kinds);
    change_fill(&change, fake->patch, kinds);
    kube_store_deinit(&fake->source.store);
    kube_store_init(&fake->source.store);
    fake->bundle = kube_bundle_decode(span_from_str(yaml), SPAN("fake.yaml"));
    vec_for_each (object, &fake->bundle->objects)
        invariant(!kube_store_put(&fake->source.store, object));
    change_fill(&change, fake->bundle, kinds);
    change.has_new_diags = kinds == 0;
    reconcile_on_change(fake->reconcile, &change);
    source_change_deinit(&change);
    kube_bundle_free(before);
    fake->patch = kube_bundle_free(fake->patch);
}

void fake_patch(struct fake *fake, const char *yaml)
{
    struct kube_store *store = &fake->source.store;
    struct kube_bundle *before = fake->patch;
    struct source_change change;

    source_change_init(&change);
    fake->patch = kube_bundle_decode(span_from_str(yaml), SPAN("fake.yaml"));
    vec_for_each (object, &fake->patch->objects) {
        const struct kube_object *former =
            kube_store_find(store, object->kind, object->namespace, object->name);
        if (former) {
            source_change_add(&change, former);
            kube_store_remove(store, former);
        }
        invariant(!kube_store_put(store, object));
        source_change_add(&change, object);
    }
    reconcile_on_change(fake->reconcile, &change);
    source_change_deinit(&change);
    kube_bundle_free(before);
}

struct image_view *fake_published(struct fake *fake)
{
    struct proc_message message;
    struct image_fds fds = { 0 };
    struct image_view *view = NULL;
    const char *what = "";

    fake_turn(fake);
    int r = proc_channel_receive(fake->supervisor, &message);
    if (r == -EAGAIN)
        return NULL;
    invariant(r == 0 && message.kind == PROC_PUBLISH && message.fds_len > 1);
    fds.root = message.fds[0];
    fds.segments_len = message.fds_len - 1;
    memcpy(fds.segments, message.fds + 1, fds.segments_len * sizeof(int));
    invariant(image_view_open(&fds, NULL, &view) == IMAGE_OPEN_OK);
    invariant(image_verify(view, &what));
    invariant(view->generation == message.generation);
    proc_message_close_fds(&message);
    return view;
}

void fake_answer(struct fake *fake, enum proc_message_kind kind, uint64_t generation)
{
    struct proc_message message = {
        .kind = kind,
        .generation = generation,
        .result = kind == PROC_REJECTED ? PROC_REJECT_KILLED : 0,
    };

    reconcile_on_message(fake->reconcile, &message);
}

uint64_t fake_serve(struct fake *fake, const char *yaml)
{
    fake_change(fake, yaml, 0);
    SCOPED(image_view_unrefp) struct image_view *view = fake_published(fake);
    if (!view)
        return 0;
    fake_answer(fake, PROC_PUBLISHED, view->generation);
    return view->generation;
}

const char *fake_endpoint(const struct image_view *view, const char *host)
{
    static char text[IP_TEXT_MAX];
    struct image_request request = { .host = span_from_str(host),
                                     .path = SPAN("/"),
                                     .method = SPAN("GET") };
    struct image_match match;
    struct ip_addr ip;

    if (image_match(view, &request, NULL, &match) != IMAGE_MATCH_OK)
        return "";
    const struct image_backend *backend = image_backend_choose(view, match.rule, 0);
    if (!backend)
        return "";
    struct image_endpoints endpoints =
        image_endpoints_find(view, image_service_get(view, backend->service)->key);
    if (endpoints.len == 0)
        return "";
    memcpy(ip.bytes, endpoints.items[0].ip, sizeof(ip.bytes));
    text[ip_format(&ip, text)] = '\0';
    return text;
}
