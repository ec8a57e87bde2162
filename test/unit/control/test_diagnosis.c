#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scope.h"
#include "control/diagnosis.h"
#include "kube/decode.h"

enum { INGRESSES = 4000 };

static int others_turns; /* of what else the loop has to do */

static void on_other(struct loop_task *task)
{
    (void)task;
    others_turns++;
}

static bool is_done;

static void on_done(void *ctx)
{
    (void)ctx;
    is_done = true;
}

static struct kube_bundle *bundle_of_many(void)
{
    SCOPED(buf_deinit) struct buf text = { 0 };

    for (unsigned i = 0; i < INGRESSES; i++)
        buf_printf(
            &text,
            "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"Ingress\",\"metadata\":{\"name\":"
            "\"app-%1$u\"},\"spec\":{\"rules\":[{\"host\":\"app-%1$u.example\",\"http\":{\"paths\":"
            "[{\"path\":\"/\",\"pathType\":\"Prefix\",\"backend\":{\"service\":{\"name\":\"app\","
            "\"port\":{\"number\":80}}}}]}}]}}\n",
            i);
    return kube_bundle_decode(buf_span(&text), SPAN_EMPTY);
}

static void test_others_have_their_turn(void **state)
{
    struct ingress_options options = ingress_options_default();
    SCOPED(diag_list_deinit) struct diag_list none;
    struct diagnosis diagnosis;
    struct kube_store store;
    struct loop_task other;
    struct loop *loop;

    (void)state;
    options.watch_without_class = true;
    diag_list_init(&none);
    kube_store_init(&store);
    struct kube_bundle *bundle = bundle_of_many();
    assert_int_equal(bundle->objects.len, INGRESSES);
    vec_for_each (object, &bundle->objects)
        assert_null(kube_store_put(&store, object));
    struct route_model *model = ingress_compile(&store, &options, &none);
    assert_int_equal(loop_new(&loop), 0);
    loop_task_init(&other, on_other);

    diagnosis_init(&diagnosis, loop, on_done, NULL);
    diagnosis_start(&diagnosis, &store, &options, model);
    for (int i = 0; i < 100000 && !is_done; i++) {
        loop_task_queue(loop, &other);
        assert_int_equal(loop_turn(loop, 0), 0);
    }
    assert_true(is_done && !diagnosis_is_running(&diagnosis));
    assert_in_range(others_turns, 2, INGRESSES);
    assert_int_equal(diagnosis.diags.diags.len, INGRESSES); /* there is no such Service */
    assert_int_equal(none.diags.len, INGRESSES);

    diagnosis_deinit(&diagnosis);
    loop_free(loop);
    route_model_free(model);
    kube_store_deinit(&store);
    kube_bundle_free(bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_have_their_turn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
