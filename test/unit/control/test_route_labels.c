#include "control/route_labels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/scope.h"
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

/* A rule for "/" of the host, of an Ingress that is named as it is. Returns its id. */
static uint64_t host_add(struct route_model *model, struct span name)
{
    struct route_host *host = route_host_get(model, name);
    struct route_path *path = route_path_get(model, host, ROUTE_PATH_PREFIX, SPAN("/"));
    struct route_rule *rule = route_rule_new(model);

    rule->namespace = SPAN("ns");
    rule->ingress = arena_dup(&model->arena, name);
    rule->path = SPAN("/");
    rule->metric_id = route_metric_id(rule, host->name, NULL);
    vec_push(&path->rules, rule);
    return rule->metric_id;
}

static uint64_t numbered_add(struct route_model *model, unsigned number)
{
    SCOPED(buf_deinit) struct buf name = { 0 };

    buf_printf(&name, "host-%u.test", number);
    return host_add(model, buf_span(&name));
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
    uint64_t id = host_add(fixture->model, SPAN("a.test"));

    publish_all(fixture);
    const struct route_label *label = label_of(fixture, id);
    assert_true(span_eq(label->namespace, SPAN("ns")));
    assert_true(span_eq(label->ingress, SPAN("a.test")));
    assert_true(span_eq(label->path, SPAN("/")));
    assert_true(span_eq(label->host, SPAN("a.test")));
    assert_null(route_labels_find(&fixture->labels, id + 1));
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

/* Labels of routes that are gone are known on, until room is needed; those of the newest image always. */
static void test_former_ones_make_room(void **state)
{
    struct fixture *fixture = *state;
    enum { EACH = ROUTE_LABELS_MAX / 2 + 1 };
    uint64_t first = 0, kept = numbered_add(fixture->model, 0);

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 1; i < EACH; i++) {
            uint64_t id = numbered_add(fixture->model, round * EACH + i);
            first = first ? first : id;
        }
        publish_all(fixture);
        assert_non_null(route_labels_find(&fixture->labels, first));
        if (round == 1)
            break;
        route_model_free(fixture->model);
        fixture->model = route_model_new();
        assert_int_equal(numbered_add(fixture->model, 0), kept);
        first = 0;
    }
    assert_true(fixture->labels.by_id.len <= EACH);
    assert_true(span_eq(label_of(fixture, kept)->host, SPAN("host-0.test")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_names_are_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_only_what_changed_is_learned, setup, teardown),
        cmocka_unit_test_setup_teardown(test_former_ones_make_room, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
