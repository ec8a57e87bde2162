#include "rig.h"

#include <stdio.h>

/* Who the gate says that asked, by what a trusted balancer or a forger sent. The rig's clients come
 * from 192.0.2.1. */

static const struct {
    const char *what, *trusted, *fields, *client;
} cases[] = {
    { "nothing sent", "192.0.2.0/24", "", "192.0.2.1" },
    { "one hop", "192.0.2.0/24", "X-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7" },
    { "the balancer is not trusted", "10.0.0.0/8", "X-Forwarded-For: 198.51.100.7\r\n",
      "192.0.2.1" },
    { "a forged hop before the true one", "192.0.2.0/24",
      "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\n", "198.51.100.7" },
    { "a forged field before the true one", "192.0.2.0/24",
      "X-Forwarded-For: 203.0.113.9\r\nX-Forwarded-For: 198.51.100.7\r\n", "198.51.100.7" },
    { "trusted hops in between, over two fields", "192.0.2.0/24",
      "X-Forwarded-For: 203.0.113.9, 198.51.100.7\r\nX-Forwarded-For: 192.0.2.5,192.0.2.6\r\n",
      "198.51.100.7" },
    { "all are trusted", "192.0.2.0/24", "X-Forwarded-For: 192.0.2.9, 192.0.2.8\r\n", "192.0.2.9" },
    { "with a port", "192.0.2.0/24", "X-Forwarded-For: 198.51.100.7:4711\r\n", "198.51.100.7" },
    { "IPv6 in brackets", "192.0.2.0/24", "X-Forwarded-For: [2001:db8::1]:80\r\n", "2001:db8::1" },
    { "nonsense", "192.0.2.0/24", "X-Forwarded-For: unknown\r\n", "192.0.2.1" },
    { "nonsense before a trusted hop", "192.0.2.0/24", "X-Forwarded-For: x, 192.0.2.8\r\n",
      "192.0.2.8" },
};

static void case_run(size_t i)
{
    struct rig_options options = rig_options_default();
    struct ip_block trusted;
    char request[512], line[64];

    print_message("%s\n", cases[i].what);
    assert_true(ip_block_parse(span_from_str(cases[i].trusted), &trusted));
    options.settings.use_forwarded_headers = true;
    options.settings.trusted = &trusted;
    options.settings.trusted_len = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cases[i].fields);
    end_send(rig, &client, request);
    struct end backend = rig_backend(rig, 0);
    snprintf(line, sizeof(line), "X-Real-IP: %s", cases[i].client);
    end_expect_line(rig, &backend, line);
    snprintf(line, sizeof(line), "X-Forwarded-For: %s", cases[i].client);
    end_expect_line(rig, &backend, line);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_forwarded_for(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        case_run(i);
}

static void test_forged_fields_are_replaced(void **state)
{
    (void)state;
    struct rig *rig = rig_new(NULL);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client,
             "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Real-IP: 1.1.1.1\r\n"
             "X-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nX-Scheme: https\r\n"
             "X_Real_IP: 1.1.1.1\r\nConnection: X-Secret\r\nX-Secret: y\r\nProxy: z\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect(rig, &backend,
               "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n"
               "X-Real-IP: 192.0.2.1\r\nX-Forwarded-Host: a\r\nX-Forwarded-Port: 8080\r\n"
               "X-Forwarded-Proto: http\r\nX-Forwarded-Scheme: http\r\nX-Scheme: http\r\n"
               "X-Original-Forwarded-For: 1.1.1.1\r\nX-Original-Forwarded-Host: evil\r\n\r\n");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_full_forwarded_for_holds_every_field(void **state)
{
    struct rig_options options = rig_options_default();
    struct ip_block trusted;

    (void)state;
    assert_true(ip_block_parse(SPAN("0.0.0.0/0"), &trusted));
    options.settings.use_forwarded_headers = true;
    options.settings.compute_full_forwarded_for = true;
    options.settings.trusted = &trusted;
    options.settings.trusted_len = 1;
    struct rig *rig = rig_new(&options);
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);
    end_send(rig, &client,
             "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For:\r\n"
             "X-Forwarded-For: 2.2.2.2, 3.3.3.3\r\n\r\n");
    struct end backend = rig_backend(rig, 0);
    end_expect_line(rig, &backend, "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3, 192.0.2.1");
    end_expect_line(rig, &backend, "X-Original-Forwarded-For: 1.1.1.1, 2.2.2.2, 3.3.3.3");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_full_forwarded_for_holds_every_field),
        cmocka_unit_test(test_forwarded_for),
        cmocka_unit_test(test_forged_fields_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
