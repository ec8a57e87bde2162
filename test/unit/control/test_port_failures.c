#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "control/port_failures.h"

static struct route_model *model_with(enum route_transport transport, uint16_t port)
{
    struct route_model *model = route_model_new();
    struct route_listener *listener = route_listener_new(model);

    listener->transport = transport;
    listener->port = port;
    listener->origin = (struct route_origin){ .kind = SPAN("ConfigMap"),
                                              .namespace = SPAN("edge"),
                                              .name = SPAN("ports"),
                                              .field = SPAN("data[\"53\"]") };
    return model;
}

static void note(struct port_failures *failures, uint16_t transport, uint16_t port, int result)
{
    struct proc_message message = { .kind = PROC_PORT, .result = result, .ports_len = 1 };

    message.ports[0] = (struct proc_port){ transport, port };
    port_failures_note(failures, &message);
}

static size_t reported(const struct port_failures *failures, const struct route_model *model,
                       struct diag_list *diags)
{
    diag_list_deinit(diags);
    diag_list_init(diags);
    port_failures_report(failures, model, diags);
    return diags->diags.len;
}

static void test_failure_is_told_where_it_was_asked_for(void **state)
{
    struct route_model *model = model_with(ROUTE_TRANSPORT_UDP, 53);
    struct port_failures failures = { 0 };
    struct diag_list diags;

    (void)state;
    diag_list_init(&diags);
    assert_int_equal(reported(&failures, model, &diags), 0);
    note(&failures, PROC_TCP, 53, -EADDRINUSE);
    assert_int_equal(reported(&failures, model, &diags), 0); /* another's */
    note(&failures, PROC_UDP, 53, -EADDRINUSE);
    assert_int_equal(reported(&failures, model, &diags), 1);
    const struct diag *diag = &diags.diags.items[0];
    assert_int_equal(diag->severity, DIAG_ERROR);
    assert_int_equal(diag->code, DIAG_PORT_UNAVAILABLE);
    assert_true(span_eq(diag->name, SPAN("ports")));
    assert_true(span_eq(diag->field, SPAN("data[\"53\"]")));
    assert_true(
        span_eq(diag->message, SPAN("UDP port 53 cannot be bound: Address already in use")));

    note(&failures, PROC_UDP, 53, -EACCES); /* another reason takes its place */
    assert_int_equal(reported(&failures, model, &diags), 1);
    assert_true(span_eq(diags.diags.items[0].message,
                        SPAN("UDP port 53 cannot be bound: Permission denied")));
    note(&failures, PROC_UDP, 53, 0);
    assert_int_equal(reported(&failures, model, &diags), 0);

    diag_list_deinit(&diags);
    port_failures_deinit(&failures);
    route_model_free(model);
}

static void test_nothing_without_a_model(void **state)
{
    struct port_failures failures = { 0 };
    struct diag_list diags;

    (void)state;
    diag_list_init(&diags);
    note(&failures, PROC_TCP, 25, -EACCES);
    assert_int_equal(reported(&failures, NULL, &diags), 0);
    diag_list_deinit(&diags);
    port_failures_deinit(&failures);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failure_is_told_where_it_was_asked_for),
        cmocka_unit_test(test_nothing_without_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
