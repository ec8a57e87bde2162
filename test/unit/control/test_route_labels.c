#include "control/route_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/vec.h"
#include "image/publish.h"
#include "image/writer.h"

enum { HOSTS = 300 }; /* enough for several shards */

struct fixture {
    struct route_model *model;
    struct image_writer *writer;
    struct image_fds fds;
    struct image_view *view;
    struct route_labels labels;
};

static int setup(void **state)
{
    struct fixture *fixture = mem_alloc_zero(sizeof(*fixture));

    fixture->model = route_model_new();
    fixture->writer = image_writer_new();
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    route_labels_deinit(&fixture->labels);
    image_view_unref(fixture->view);
    if (fixture->fds.segments_len)
        image_fds_close(&fixture->fds);
    image_writer_free(fixture->writer);
    route_model_free(fixture->model);
    mem_free(fixture);
    return 0;
}

/* A rule for a path of the host, of an Ingress that is named as the host is. */
static struct route_rule *rule_add(struct route_model *model, struct span name, struct span text)
{
    struct route_host *host = route_host_get(model, name);
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, text);
    struct route_rule *rule = route_rule_new(model);

    rule->namespace = SPAN("ns");
    rule->ingress = host->name;
    rule->path = path->path;
    rule->metric_id = route_metric_id(rule, host->name, NULL);
    vec_push(&path->rules, rule);
    return rule;
}

static uint64_t host_add(struct route_model *model, struct span name)
{
    return rule_add(model, name, SPAN("/"))->metric_id;
}

/* The first HOSTS numbers are of different hosts. */
static uint64_t numbered_add(struct route_model *model, unsigned number)
{
    char name[32], path[32];

    snprintf(name, sizeof(name), "host-%u.test", number % HOSTS);
    snprintf(path, sizeof(path), "/%u", number);
    return rule_add(model, span_from_str(name), span_from_str(path))->metric_id;
}

static void model_renew(struct fixture *fixture)
{
    route_model_free(fixture->model);
    fixture->model = route_model_new();
}

/* Out and in again, as the controller does it: segments that did not change are shared. */
static void publish(struct fixture *fixture, const struct image_bytes *bytes)
{
    struct image_fds fds;
    struct image_view *view = NULL;
    bool has_former = fixture->fds.segments_len > 0;

    assert_int_equal(image_publish(bytes, has_former ? &fixture->fds : NULL, &fds), 0);
    assert_int_equal(image_view_open(&fds, fixture->view, &view), IMAGE_OPEN_OK);
    if (has_former)
        image_fds_close(&fixture->fds);
    image_view_unref(fixture->view);
    fixture->fds = fds;
    fixture->view = view;
    route_labels_learn(&fixture->labels, view);
}

static void publish_all(struct fixture *fixture)
{
    struct image_bytes bytes;

    assert_int_equal(image_write(fixture->writer, fixture->model, &bytes), IMAGE_WRITE_OK);
    publish(fixture, &bytes);
}

static const struct route_label *label_of(const struct fixture *fixture, uint64_t id)
{
    const struct route_label *label = route_labels_find(&fixture->labels, id);

    assert_non_null(label);
    return label;
}

static void test_names_are_learned(void **state)
{
    struct fixture *fixture = *state;
    struct route_service *service =
        route_service_get(fixture->model, ROUTE_TRANSPORT_TCP, SPAN("ns"), SPAN("web"), SPAN("80"));
    struct route_rule *rule = rule_add(fixture->model, SPAN("a.test"), SPAN("/with"));
    uint64_t without = rule_add(fixture->model, SPAN("a.test"), SPAN("/without"))->metric_id;

    route_rule_set_service(fixture->model, rule, service);
    rule->metric_id = route_metric_id(rule, SPAN("a.test"), service);
    uint64_t with = rule->metric_id;
    publish_all(fixture);
    const struct route_label *label = label_of(fixture, with);
    assert_true(span_eq(label->namespace, SPAN("ns")));
    assert_true(span_eq(label->ingress, SPAN("a.test")));
    assert_true(span_eq(label->path, SPAN("/with")));
    assert_true(span_eq(label->service, SPAN("web")));
    assert_true(span_eq(label->host, SPAN("a.test")));
    label = label_of(fixture, without);
    assert_true(span_eq(label->path, SPAN("/without")));
    assert_int_equal(label->service.len, 0);
    assert_null(route_labels_find(&fixture->labels, with + 1));
}

/* The backend of what no host takes is of no host and no Ingress. */
static void test_the_default_backend_is_learned(void **state)
{
    struct fixture *fixture = *state;
    struct route_service *service = route_service_get(fixture->model, ROUTE_TRANSPORT_TCP,
                                                      SPAN("ns"), SPAN("fallback"), SPAN("80"));
    struct route_rule *rule = route_rule_new(fixture->model);

    route_rule_set_service(fixture->model, rule, service);
    rule->metric_id = route_metric_id(rule, SPAN_EMPTY, service);
    fixture->model->default_rule = rule;
    publish_all(fixture);
    const struct route_label *label = label_of(fixture, rule->metric_id);
    assert_true(span_eq(label->service, SPAN("fallback")));
    assert_int_equal(label->ingress.len + label->path.len + label->host.len, 0);
}

/* Should two routes have one id, one after the other: its numbers go on under the newest names. */
static void test_the_newest_names_count(void **state)
{
    struct fixture *fixture = *state;

    rule_add(fixture->model, SPAN("a.test"), SPAN("/"))->metric_id = 7;
    publish_all(fixture);
    assert_true(span_eq(label_of(fixture, 7)->host, SPAN("a.test")));
    model_renew(fixture);
    rule_add(fixture->model, SPAN("b.test"), SPAN("/"))->metric_id = 7;
    publish_all(fixture);
    assert_true(span_eq(label_of(fixture, 7)->host, SPAN("b.test")));
    assert_int_equal(fixture->labels.by_id.len, 1);
}

/* What a change costs goes by the shards that it concerns: those of all others are not even looked at. */
static void test_only_what_changed_is_learned(void **state)
{
    struct fixture *fixture = *state;
    struct route_changes changes;
    struct image_bytes bytes;
    uint64_t ids[HOSTS];
    unsigned looked_at = 0;

    for (unsigned i = 0; i < HOSTS; i++)
        ids[i] = numbered_add(fixture->model, i);
    publish_all(fixture);
    uint64_t added = host_add(fixture->model, SPAN("new.test"));
    route_changes_init(&changes);
    vec_push(&changes.hosts, SPAN("new.test"));
    assert_int_equal(image_write_changes(fixture->writer, fixture->model, &changes, &bytes),
                     IMAGE_WRITE_OK);
    route_changes_deinit(&changes);
    publish(fixture, &bytes);

    assert_true(span_eq(label_of(fixture, added)->host, SPAN("new.test")));
    for (unsigned i = 0; i < HOSTS; i++)
        looked_at += label_of(fixture, ids[i])->generation == bytes.generation;
    assert_true(fixture->view->shards > 1);
    assert_in_range(looked_at, 0, HOSTS / 2);
}

/* More routes for one host, whose shard is the only one that is learned anew. */
static void host_extend(struct fixture *fixture, unsigned from, unsigned until)
{
    struct route_changes changes;
    struct image_bytes bytes;
    char path[32];

    for (unsigned i = from; i < until; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        rule_add(fixture->model, SPAN("extended.test"), span_from_str(path));
    }
    route_changes_init(&changes);
    vec_push(&changes.hosts, SPAN("extended.test"));
    assert_int_equal(image_write_changes(fixture->writer, fixture->model, &changes, &bytes),
                     IMAGE_WRITE_OK);
    route_changes_deinit(&changes);
    publish(fixture, &bytes);
}

/* Labels of routes that are gone are known on, until room is needed; those of the newest image stay, and where
 * they are too many, the ones that come last have no names. */
static void test_room_is_made_where_it_is_needed(void **state)
{
    struct fixture *fixture = *state;
    enum { FORMER = 1000, CURRENT = ROUTE_LABELS_MAX - FORMER, MORE = 100 };
    const struct idmap *known = &fixture->labels.by_id;

    uint64_t former = host_add(fixture->model, SPAN("former.test"));
    for (unsigned i = 1; i < FORMER; i++)
        numbered_add(fixture->model, ROUTE_LABELS_MAX + i);
    publish_all(fixture);
    model_renew(fixture);
    VEC(uint64_t) ids = { 0 };
    for (unsigned i = 0; i < CURRENT; i++)
        vec_push(&ids, numbered_add(fixture->model, i));
    publish_all(fixture);
    assert_int_equal(known->len, ROUTE_LABELS_MAX);
    assert_non_null(route_labels_find(&fixture->labels, former));

    host_extend(fixture, 0, 1); /* one too many */
    assert_int_equal(known->len, CURRENT + 1);
    assert_null(route_labels_find(&fixture->labels, former));
    vec_for_each (id, &ids)
        assert_non_null(route_labels_find(&fixture->labels, *id));

    host_extend(fixture, 1, FORMER + MORE);
    assert_int_equal(known->len, ROUTE_LABELS_MAX);
    vec_for_each (id, &ids)
        assert_non_null(route_labels_find(&fixture->labels, *id));
    vec_deinit(&ids);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_are_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_default_backend_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_newest_names_count, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_changed_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_room_is_made_where_it_is_needed, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
