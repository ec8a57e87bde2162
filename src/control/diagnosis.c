#include "control/diagnosis.h"

#include "base/clock.h"

static void slice_work(struct diagnosis *diagnosis)
{
    uint64_t began_us = clock_mono_ns() / 1000, now_us;
    bool has_more;

    do {
        has_more = ingress_diagnosis_step(diagnosis->steps, diagnosis->store, &diagnosis->options,
                                          diagnosis->model, &diagnosis->diags);
        now_us = clock_mono_ns() / 1000;
    } while (has_more && now_us - began_us < DIAGNOSIS_SLICE_US);
    diagnosis->worked_us += now_us - began_us;
    if (has_more) {
        loop_task_queue(diagnosis->loop, &diagnosis->task);
        return;
    }
    diagnosis->steps = ingress_diagnosis_free(diagnosis->steps);
    diagnosis->on_done(diagnosis->ctx);
}

static void on_task(struct loop_task *task)
{
    slice_work(container_of(task, struct diagnosis, task));
}

void diagnosis_init(struct diagnosis *diagnosis, struct loop *loop, void (*on_done)(void *ctx),
                    void *ctx)
{
    *diagnosis = (struct diagnosis){ .loop = loop, .on_done = on_done, .ctx = ctx };
    loop_task_init(&diagnosis->task, on_task);
    diag_list_init(&diagnosis->diags);
}

void diagnosis_deinit(struct diagnosis *diagnosis)
{
    diagnosis_cancel(diagnosis);
    diag_list_deinit(&diagnosis->diags);
}

void diagnosis_start(struct diagnosis *diagnosis, const struct kube_store *store,
                     const struct ingress_options *options, const struct route_model *model)
{
    diagnosis_cancel(diagnosis);
    diag_list_deinit(&diagnosis->diags);
    diag_list_init(&diagnosis->diags);
    diagnosis->store = store;
    diagnosis->options = *options;
    diagnosis->options.now_s = clock_wall_s();
    diagnosis->model = model;
    diagnosis->worked_us = 0;
    diagnosis->steps = ingress_diagnosis_new(store, &diagnosis->options, &diagnosis->diags);
    loop_task_queue(diagnosis->loop, &diagnosis->task);
}

void diagnosis_cancel(struct diagnosis *diagnosis)
{
    loop_task_cancel(&diagnosis->task);
    diagnosis->steps = ingress_diagnosis_free(diagnosis->steps);
}
