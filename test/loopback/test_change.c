#include "rig.h"

/* What changes under exchanges: images, and the worker's own end. */

static void test_exchange_finishes_on_its_generation(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    rig_publish(rig, 0, 1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), next = { .fd = -1 };
    end_send(rig, &client, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    struct image_view *old = rig->worker.view;
    rig_publish(rig, 1, 1);
    assert_ptr_equal(rig_only_client(rig)->exchange->view, old);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    rig_exchange(rig, &client, &next, 1); /* the same connection, by the new image */
    end_close(&client);
    end_close(&backend);
    end_close(&next);
    rig_free(rig);
}

static void test_kept_connections_survive_a_change(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    rig_publish(rig, 0, 1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };
    rig_exchange(rig, &client, &backend, 0);
    for (unsigned i = 0; i < 10; i++) {
        rig_publish(rig, 0, 1);
        rig_pass_ms(rig, 2000); /* the sweep comes and goes */
        rig_exchange(rig, &client, &backend, 0);
    }
    assert_int_equal(stats_get(&rig->stats->upstream_connects), 1);
    rig_publish(rig, 1, 1);
    rig_pass_ms(rig, 2000);
    end_expect_end(rig, &backend); /* no image names it any more */
    end_expect_silence(rig, &client);
    assert_int_equal(rig->worker.endpoints.endpoints.len, 0);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* An address that a name had, too: since the image named it and it was asked so, it goes with the image. */
static void test_an_address_that_was_a_names(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.backends = 2;
    struct rig *rig = rig_new(&options);
    rig_publish(rig, 0, 1);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };
    rig_exchange(rig, &client, &backend, 0);
    size_t cursor = 0;
    struct endpoint *endpoint = idmap_next(&rig->worker.endpoints.endpoints, &cursor);
    endpoint->is_resolved = true;
    rig_exchange(rig, &client, &backend, 0);
    rig_publish(rig, 1, 1);
    rig_pass_ms(rig, 2000);
    end_expect_end(rig, &backend);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_no_endpoints(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP), backend = { .fd = -1 };

    rig_publish(rig, 0, 0);
    end_send(rig, &client, RIG_GET);
    end_expect_status(rig, &client, 503);
    rig_publish(rig, 0, 1);
    rig_exchange(rig, &client, &backend, 0);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_draining(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end idle = rig_client(rig, PROC_LISTEN_HTTP), busy = rig_client(rig, PROC_LISTEN_HTTP);

    rig_settle(rig);
    end_send(rig, &busy, RIG_GET);
    struct end backend = rig_backend(rig, 0);
    rig->worker.draining = true;
    worker_close_idle(&rig->worker);
    end_expect_end(rig, &idle);
    end_expect_head(rig, &backend, "GET ");
    end_send(rig, &backend, RIG_OK);
    end_expect_line(rig, &busy, "Connection: close");
    end_expect_head(rig, &busy, "HTTP/1.1 200 ");
    end_expect(rig, &busy, "ok");
    end_expect_end(rig, &busy);
    end_close(&busy);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    end_close(&idle);
    end_close(&backend);
    rig_free(rig);
}

static void test_probes(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end probe = rig_client(rig, PROC_LISTEN_HEALTH);

    end_send(rig, &probe, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
    end_expect_status(rig, &probe, 200);
    rig->worker.unready = true;
    end_send(rig, &probe, "GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n");
    end_expect_status(rig, &probe, 503);
    end_send(rig, &probe, "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n");
    end_expect_status(rig, &probe, 200); /* it lives, ready or not */
    end_send(rig, &probe, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    end_expect_status(rig, &probe, 404); /* nobody to ask */
    end_close(&probe);
    rig_free(rig);
}

static void test_worker_ends_amid_everything(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end clients[4];

    for (unsigned i = 0; i < 4; i++)
        clients[i] = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &clients[1], "GET / HT");
    end_send(rig, &clients[2], RIG_GET);
    end_send(rig, &clients[3], "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nab");
    rig_free(rig); /* checks what is left */
    for (unsigned i = 0; i < 4; i++)
        end_close(&clients[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exchange_finishes_on_its_generation),
        cmocka_unit_test(test_kept_connections_survive_a_change),
        cmocka_unit_test(test_an_address_that_was_a_names),
        cmocka_unit_test(test_no_endpoints),
        cmocka_unit_test(test_draining),
        cmocka_unit_test(test_probes),
        cmocka_unit_test(test_worker_ends_amid_everything),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
