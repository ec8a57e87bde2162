#include "control/route_labels.h"

#include "base/mem.h"
#include "base/vec.h"

void route_labels_deinit(struct route_labels *labels)
{
    size_t cursor = 0;

    for (void *label = idmap_next(&labels->by_id, &cursor); label;
         label = idmap_next(&labels->by_id, &cursor))
        mem_free(label);
    idmap_deinit(&labels->by_id);
    labels->learned = image_view_unref(labels->learned);
}

const struct route_label *route_labels_find(const struct route_labels *labels, uint64_t id)
{
    return idmap_find(&labels->by_id, id);
}

static void forget_former(struct route_labels *labels, uint64_t generation)
{
    VEC(struct route_label *) former = { 0 };
    size_t cursor = 0;

    for (struct route_label *label = idmap_next(&labels->by_id, &cursor); label;
         label = idmap_next(&labels->by_id, &cursor)) {
        if (label->generation != generation)
            vec_push(&former, label);
    }
    vec_for_each (label, &former) {
        idmap_remove(&labels->by_id, (*label)->id);
        mem_free(*label);
    }
    vec_deinit(&former);
}

static struct span text_put(char **at, struct span text)
{
    struct span copy = span_of(*at, text.len);

    if (text.len)
        memcpy(*at, text.ptr, text.len);
    *at += text.len;
    return copy;
}

/* The label and its texts are one block. */
static struct route_label *label_new(const struct route_label *from)
{
    size_t text_bytes = from->namespace.len + from->ingress.len + from->path.len +
                        from->service.len + from->host.len;
    struct route_label *label = mem_alloc(sizeof(*label) + text_bytes);
    char *at = (char *)(label + 1);

    *label = *from;
    label->namespace = text_put(&at, from->namespace);
    label->ingress = text_put(&at, from->ingress);
    label->path = text_put(&at, from->path);
    label->service = text_put(&at, from->service);
    label->host = text_put(&at, from->host);
    return label;
}

static bool label_eq(const struct route_label *a, const struct route_label *b)
{
    return span_eq(a->namespace, b->namespace) && span_eq(a->ingress, b->ingress) &&
           span_eq(a->path, b->path) && span_eq(a->service, b->service) &&
           span_eq(a->host, b->host);
}

/* ---- an image ----------------------------------------------------------------------------------
 */

struct lesson {
    struct route_labels *labels;
    const struct image_view *view;
    bool has_made_room;
};

static void rule_label(const struct image_view *view, const struct image_rule *rule,
                       struct span host, struct route_label *label)
{
    *label = (struct route_label){
        .id = rule->metric_id,
        .namespace = image_str_get(view, rule->namespace),
        .ingress = image_str_get(view, rule->ingress),
        .path = image_str_get(view, rule->path),
        .service = SPAN_EMPTY,
        .host = host,
        .generation = view->generation,
    };
    if (rule->backends_len > 0) {
        const struct image_backend *backend = image_backend_get(view, rule->backends_first);
        label->service = image_str_get(view, image_service_get(view, backend->service)->name);
    }
}

typedef void rule_fn(struct lesson *lesson, const struct image_rule *rule, struct span host);

static void host_visit(struct lesson *lesson, const struct image_host *host, rule_fn *visit)
{
    const struct image_view *view = lesson->view;
    struct span name = image_str_get(view, host->name);

    for (uint32_t i = 0; i < host->paths_len; i++) {
        const struct image_path *path = image_path_get(view, host->paths_first + i);
        for (uint32_t j = 0; j < path->rules_len; j++)
            visit(lesson, image_rule_get(view, path->rules_first + j), name);
    }
}

static void rule_mark(struct lesson *lesson, const struct image_rule *rule, struct span host)
{
    struct route_label *known = idmap_find(&lesson->labels->by_id, rule->metric_id);

    (void)host;
    if (known)
        known->generation = lesson->view->generation;
}

/* Forgets what the image does not have; once for an image. */
static void room_make(struct lesson *lesson)
{
    const struct image_view *view = lesson->view;

    if (lesson->has_made_room)
        return;
    lesson->has_made_room = true;
    image_for_each(i, view, IMAGE_SECTION_HOSTS)
        host_visit(lesson, image_host_get(view, i), rule_mark);
    forget_former(lesson->labels, view->generation);
}

static void rule_learn(struct lesson *lesson, const struct image_rule *rule, struct span host)
{
    struct route_labels *labels = lesson->labels;
    struct route_label *known = idmap_find(&labels->by_id, rule->metric_id);
    struct route_label label;

    rule_label(lesson->view, rule, host, &label);
    if (known && label_eq(known, &label)) {
        known->generation = label.generation;
        return;
    }
    if (!known && labels->by_id.len >= ROUTE_LABELS_MAX)
        room_make(lesson);
    if (!known && labels->by_id.len >= ROUTE_LABELS_MAX)
        return;
    idmap_put(&labels->by_id, label.id, label_new(&label));
    mem_free(known);
}

static bool shard_is_known(const struct lesson *lesson, uint32_t shard)
{
    const struct image_view *learned = lesson->labels->learned;

    return learned && shard < learned->shards &&
           learned->routes[shard].map == lesson->view->routes[shard].map;
}

void route_labels_learn(struct route_labels *labels, struct image_view *view)
{
    struct lesson lesson = { .labels = labels, .view = view };
    uint32_t default_rule = image_settings_get(view)->default_rule;

    for (uint32_t shard = 0; shard < view->shards; shard++) {
        uint32_t first = shard << IMAGE_LOCAL_BITS;

        if (shard_is_known(&lesson, shard))
            continue;
        for (uint32_t i = 0; i < view->routes[shard].count[IMAGE_SECTION_HOSTS]; i++)
            host_visit(&lesson, image_host_get(view, first + i), rule_learn);
    }
    if (default_rule != IMAGE_NONE)
        rule_learn(&lesson, image_rule_get(view, default_rule), SPAN_EMPTY);
    image_view_unref(labels->learned);
    labels->learned = image_view_ref(view);
}
