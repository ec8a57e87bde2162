#include <sys/socket.h>
#include <unistd.h>

#include "rig.h"
#include "route/model.h"

/* Below HTTP: TCP Services, the PROXY header, TLS that passes through. */

enum { PORT = 8080 }; /* rig_client()'s */

static bool accepts_proxy; /* as does the listener */
static uint8_t proxy_version;

static void listener_add(struct route_model *model, const struct route_path *path)
{
    struct route_listener *listener = route_listener_new(model);

    (void)path;
    listener->transport = ROUTE_TRANSPORT_TCP;
    listener->port = PORT;
    listener->accepts_proxy = accepts_proxy;
    listener->proxy_version = proxy_version;
    route_listener_set_service(listener, route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"),
                                                           SPAN("svc"), SPAN("80")));
}

static struct rig *rig_tcp(unsigned backends)
{
    struct rig_options options = rig_options_default();

    options.extend = listener_add;
    options.backends = backends;
    return rig_new(&options);
}

static void passage_open(struct rig *rig, struct end *client, struct end *backend)
{
    *client = rig_client(rig, PROC_LISTEN_TCP);
    *backend = rig_backend(rig, 0);
}

static int setup(void **state)
{
    (void)state;
    accepts_proxy = false;
    proxy_version = 0;
    return 0;
}

static void test_bytes_both_ways_and_half_close(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client, backend;

    passage_open(rig, &client, &backend); /* before the client said anything */
    end_send(rig, &backend, "220 hello\r\n");
    end_expect(rig, &client, "220 hello\r\n");
    end_send(rig, &client, "last words");
    end_expect(rig, &backend, "last words");
    assert_int_equal(rig->worker.buffers.lent, 0); /* an idle passage holds none */
    end_finish(rig, &client);
    end_expect_end(rig, &backend);
    end_send(rig, &backend, "an answer to them");
    end_finish(rig, &backend);
    end_expect(rig, &client, "an answer to them");
    end_expect_end(rig, &client);
    rig_settle(rig);
    assert_int_equal(rig->worker.clients_len, 0);
    assert_int_equal(stats_get(&rig->stats->stream_received_bytes), 10);
    assert_int_equal(stats_get(&rig->stats->stream_sent_bytes), 28);
    assert_int_equal(stats_get(&rig->stats->stream_failures), 0);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* What a client says before there is an endpoint waits for it. */
static void test_first_words_wait_for_the_endpoint(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client = rig_client(rig, PROC_LISTEN_TCP);

    end_send(rig, &client, "EHLO me\r\n");
    end_finish(rig, &client);
    struct end backend = rig_backend(rig, 0);
    end_expect(rig, &backend, "EHLO me\r\n");
    end_expect_end(rig, &backend);
    end_send(rig, &backend, "250\r\n");
    end_expect(rig, &client, "250\r\n");
    end_close(&backend);
    end_close(&client);
    rig_free(rig);
}

static void test_many_pieces_through_small_buffers(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client, backend;
    static char block[48 << 10]; /* more than a buffer holds */

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 31 >> 8);
    rig->small_buffers = 128 << 10;
    passage_open(rig, &client, &backend);
    for (unsigned i = 0; i < 20; i++) {
        end_send_bytes(rig, &client, span_of(block, sizeof(block)));
        end_expect_bytes(rig, &backend, span_of(block, sizeof(block)));
        end_send_bytes(rig, &backend, span_of(block, sizeof(block)));
        end_expect_bytes(rig, &client, span_of(block, sizeof(block)));
    }
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_refusing_endpoint_is_passed_over(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(2);

    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    for (unsigned i = 0; i < 4; i++) {
        struct end client = rig_client(rig, PROC_LISTEN_TCP);
        struct end backend = rig_backend(rig, 1);

        end_send(rig, &backend, "hi");
        end_expect(rig, &client, "hi");
        end_close(&client);
        end_close(&backend);
    }
    assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), 1); /* then avoided */
    rig_free(rig);
}

static void test_no_endpoint_closes_at_once(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);

    rig_publish(rig, 0, 0);
    struct end client = rig_client(rig, PROC_LISTEN_TCP);
    end_expect_end(rig, &client);
    assert_int_equal(stats_get(&rig->stats->stream_failures), 1);
    end_close(&client);
    rig_free(rig);
}

static void test_all_endpoints_refuse(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(2);

    for (unsigned i = 0; i < 2; i++) {
        close(rig->listeners[i]);
        rig->listeners[i] = -1;
    }
    struct end client = rig_client(rig, PROC_LISTEN_TCP);
    end_expect_end(rig, &client);
    assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), 3); /* tries */
    end_close(&client);
    rig_free(rig);
}

static void test_no_other_try_where_none_is_wanted(void **state)
{
    (void)state;
    struct rig_options options = rig_options_default();

    options.extend = listener_add;
    options.settings.stream.next_upstream = false;
    struct rig *rig = rig_new(&options);
    close(rig->listeners[0]);
    rig->listeners[0] = -1;
    struct end client = rig_client(rig, PROC_LISTEN_TCP);
    end_expect_end(rig, &client);
    assert_int_equal(stats_get(&rig->stats->upstream_connect_failures), 1);
    end_close(&client);
    rig_free(rig);
}

static void test_idle_passage_ends(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client, backend;
    uint32_t idle_ms = rig->options.settings.stream.timeout_ms;

    passage_open(rig, &client, &backend);
    for (unsigned i = 0; i < 3; i++) { /* whatever moves keeps it */
        rig_pass_ms(rig, idle_ms - 1000);
        end_send(rig, i % 2 ? &client : &backend, "x");
        end_expect(rig, i % 2 ? &backend : &client, "x");
    }
    rig_pass_ms(rig, idle_ms - 1000);
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 1000 + LOOP_TICK_MS);
    end_expect_end(rig, &client);
    end_expect_end(rig, &backend);
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

/* The image may change: what stands keeps its endpoint, and the old image is not held for it. */
static void test_open_passage_holds_no_image(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client, backend;

    passage_open(rig, &client, &backend);
    rig_publish(rig, 0, 0);
    assert_int_equal(rig->worker.view->refs, 1);
    end_send(rig, &client, "still here");
    end_expect(rig, &backend, "still here");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_log_line(void **state)
{
    (void)state;
    struct rig *rig = rig_tcp(1);
    struct end client, backend;
    char text[512];

    passage_open(rig, &client, &backend);
    end_send(rig, &client, "12345");
    end_send(rig, &backend, "1234567");
    end_expect(rig, &client, "1234567");
    rig_pass_ms(rig, 2500);
    end_close(&client);
    end_close(&backend);
    rig_settle(rig);
    rig_pass_ms(rig, 1000);
    struct span line = rig_log(rig, text, sizeof(text));
    assert_true(span_starts_with(line, SPAN("[192.0.2.1] [")));
    assert_true(span_contains(line, SPAN("] TCP 200 7 5 2.50")));
    rig_free(rig);
}

/* ---- ports that come and go ---- */

static const struct ip_addr loopback = { { [10] = 0xFF, 0xFF, 127, 0, 0, 1 } };

/* A socket for the worker's port `number`, and a client that waits in its queue. *ret_socket is another hold of
 * it, as the supervisor has one; the caller closes it. */
static struct end port_open(struct rig *rig, uint16_t number, int *ret_socket)
{
    struct proc_message message = { .kind = PROC_LISTEN, .ports_len = 1, .fds_len = 1 };
    int fd = socket_listen_tcp(&loopback, 0, 8);
    uint16_t bound;

    assert_true(fd >= 0);
    assert_int_equal(socket_local_port(fd, &bound), 0);
    *ret_socket = dup(fd);
    assert_true(*ret_socket >= 0);
    message.fds[0] = fd;
    message.ports[0] = (struct proc_port){ .number = number, .transport = PROC_TCP };
    service_ports_listen(&rig->worker.service_ports, &message);
    struct end client = { .fd = socket_connect_tcp(&loopback, bound) };
    assert_true(client.fd >= 0);
    return client;
}

static void port_close(struct rig *rig, uint16_t number)
{
    struct proc_message message = { .kind = PROC_UNLISTEN, .ports_len = 1 };

    message.ports[0] = (struct proc_port){ .number = number, .transport = PROC_TCP };
    service_ports_unlisten(&rig->worker.service_ports, &message);
}

static void test_port_closes_with_somebody_waiting(void **state)
{
    static const struct {
        bool no_image;
        uint16_t number;
        unsigned taken;
    } cases[] = { { false, PORT, 1 }, { false, PORT + 1, 0 }, { true, PORT, 0 } };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rig_options options = rig_options_default();

        options.extend = listener_add;
        options.no_image = cases[i].no_image;
        struct rig *rig = rig_new(&options);
        int kept;
        struct end client = port_open(rig, cases[i].number, &kept);
        close(kept);
        port_close(rig, cases[i].number);
        assert_int_equal(stats_get(&rig->stats->connections_accepted), cases[i].taken);
        if (cases[i].taken > 0) {
            struct end backend = rig_backend(rig, 0);
            end_send(rig, &backend, "welcome");
            end_expect(rig, &client, "welcome");
            end_close(&backend);
        }
        end_close(&client);
        rig_free(rig);
    }
}

/* Whoever waits is left to the successor, which has the same sockets. */
static void test_worker_ends_with_somebody_waiting(void **state)
{
    (void)state;
    for (unsigned no_image = 0; no_image < 2; no_image++) {
        struct rig_options options = rig_options_default();

        options.extend = listener_add;
        options.no_image = no_image;
        struct rig *rig = rig_new(&options);
        struct net_peer peer;
        int kept;
        struct end client = port_open(rig, PORT, &kept);
        rig_free_at_once(rig);
        int fd = socket_accept(kept, &peer);
        assert_true(fd >= 0);
        close(fd);
        close(kept);
        end_close(&client);
    }
}

static void udp_listener_add(struct route_model *model, const struct route_path *path)
{
    struct route_listener *listener = route_listener_new(model);
    struct route_service *service =
        route_service_get(model, ROUTE_TRANSPORT_UDP, SPAN("ns"), SPAN("svc"), SPAN("80"));

    (void)path;
    service->endpoints = arena_new_array(&model->arena, struct route_endpoint, 1);
    service->endpoints_len = 1;
    service->endpoints[0] = (struct route_endpoint){
        .kind = ROUTE_ENDPOINT_IP, .ip = loopback, .port = 9, .dns_name = SPAN_EMPTY
    };
    service->endpoints[0].id = route_endpoint_id(&service->endpoints[0]);
    listener->transport = ROUTE_TRANSPORT_UDP;
    listener->port = PORT;
    route_listener_set_service(listener, service);
}

/* A datagram that cannot be sent begins a session that ends like any other. */
static void test_udp_session_without_a_word_ends(void **state)
{
    static char datagram[UDP_BYTES_MAX]; /* more than IPv4 carries */
    const struct udp_path path = { .remote = loopback, .local = loopback, .remote_port = 4711 };

    (void)state;
    struct rig_options options = rig_options_default();
    options.extend = udp_listener_add;
    struct rig *rig = rig_new(&options);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    udp_sessions_prepare(&rig->worker.udp);
    struct udp_port *port = udp_port_new(&rig->worker, fd, PORT);
    udp_session_take(port, &path, span_of(datagram, sizeof(datagram)));
    assert_int_equal(stats_get(&rig->stats->udp_datagrams_dropped), 1);
    assert_int_equal(rig->worker.udp.len, 1);
    rig_pass_ms(rig, rig->options.settings.stream.timeout_ms + LOOP_TICK_MS);
    assert_int_equal(rig->worker.udp.len, 0);
    udp_port_close(port);
    rig_free(rig);
}

/* ---- the PROXY header ---- */

#define HEADER "PROXY TCP4 203.0.113.9 198.51.100.1 5555 4242\r\n"

static void test_header_in_and_out(void **state)
{
    (void)state;
    accepts_proxy = true;
    proxy_version = 1;
    struct rig *rig = rig_tcp(1);

    for (size_t cut = 0; cut <= strlen(HEADER); cut += 11) {
        char first[sizeof(HEADER)] = HEADER;
        first[cut] = '\0';
        struct end client = rig_client(rig, PROC_LISTEN_TCP);
        end_send(rig, &client, first);
        end_send(rig, &client, &HEADER[cut]);
        end_send(rig, &client, "hello");
        struct end backend = rig_backend(rig, 0);
        end_expect(rig, &backend, HEADER "hello");
        end_close(&client);
        end_close(&backend);
    }
    rig_free(rig);
}

#define HEADER_V2 "\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xcb\0\x71\x09\xc6\x33\x64\x01\x15\xb3\x10\x92"

static void test_header_of_version_2(void **state)
{
    (void)state;
    accepts_proxy = true;
    proxy_version = 2;
    struct rig *rig = rig_tcp(1);
    struct end client = rig_client(rig, PROC_LISTEN_TCP);

    end_send(rig, &client, HEADER "hello");
    struct end backend = rig_backend(rig, 0);
    end_expect_bytes(rig, &backend, SPAN(HEADER_V2));
    end_expect(rig, &backend, "hello");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_header_is_refused(void **state)
{
    static const char *const bad[] = { "hello\r\n", "PROXY TCP4 1.2.3.4\r\n", "\r\n\r\n" };

    (void)state;
    accepts_proxy = true;
    struct rig *rig = rig_tcp(1);

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct end client = rig_client(rig, PROC_LISTEN_TCP);
        end_send(rig, &client, bad[i]);
        if (i == 2)
            end_finish(rig, &client); /* in the middle of a header of version 2 */
        end_expect_end(rig, &client);
        end_close(&client);
    }
    assert_int_equal(stats_get(&rig->stats->proxy_headers_refused), ARRAY_LEN(bad));
    assert_false(rig_backend_called(rig, 0));
    rig_free(rig);
}

static struct rig *rig_http_with_header(const char *trusted)
{
    static struct ip_block block;
    struct rig_options options = rig_options_default();

    assert_true(ip_block_parse(span_from_str(trusted), &block));
    options.settings.proxy_protocol = true;
    options.settings.trusted = &block;
    options.settings.trusted_len = 1;
    return rig_new(&options);
}

static void test_header_before_http(void **state)
{
    (void)state;
    struct rig *rig = rig_http_with_header("192.0.2.0/24");
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, HEADER RIG_GET); /* in one piece */
    struct end backend = rig_backend(rig, 0);
    end_expect_line(rig, &backend, "X-Real-IP: 203.0.113.9");
    end_expect_line(rig, &backend, "X-Forwarded-For: 203.0.113.9");
    end_expect_line(rig, &backend, "X-Forwarded-Port: 4242");
    end_expect_head(rig, &backend, "GET / ");
    end_send(rig, &backend, RIG_OK);
    end_expect(rig, &client, RIG_OK);
    end_send(rig, &client, RIG_GET); /* asked for once, not before each request */
    end_expect_head(rig, &backend, "GET / ");
    end_close(&client);
    end_close(&backend);
    rig_free(rig);
}

static void test_header_is_waited_for_so_long(void **state)
{
    (void)state;
    struct rig *rig = rig_http_with_header("192.0.2.0/24");
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_send(rig, &client, "PROXY TCP4 ");
    rig_pass_ms(rig, rig->options.settings.proxy_protocol_timeout_ms - 100);
    end_send(rig, &client, "203.0.113.9 "); /* trickling buys no time */
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 100 + LOOP_TICK_MS);
    end_expect_end(rig, &client);
    assert_int_equal(stats_get(&rig->stats->proxy_headers_refused), 1);
    end_close(&client);
    rig_free(rig);
}

static void test_header_of_an_untrusted_peer(void **state)
{
    (void)state;
    struct rig *rig = rig_http_with_header("10.0.0.0/8");
    struct end client = rig_client(rig, PROC_LISTEN_HTTP);

    end_expect_end(rig, &client); /* without waiting for what it would say */
    assert_int_equal(stats_get(&rig->stats->proxy_headers_refused), 1);
    end_close(&client);
    client = rig_client(rig, PROC_LISTEN_HEALTH); /* probes need none */
    end_send(rig, &client, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
    end_expect_status(rig, &client, 200);
    end_close(&client);
    rig_free(rig);
}

/* ---- TLS that passes through ---- */

/* A ClientHello for "p.test", as small as one can be. */
#define HELLO                                      \
    "\x16\x03\x01\x00\x42\x01\x00\x00\x3e\x03\x03" \
    "0123456789abcdef0123456789abcdef"             \
    "\x00\x00\x02\x13\x01\x01\x00"                 \
    "\x00\x13\x00\x00\x00\x0b\x00\x09\x00\x00\x06p.test\x00\x2b\x00\x00"

static void passthrough_add(struct route_model *model, const struct route_path *path)
{
    (void)path;
    route_host_set_passthrough(
        model, route_host_get(model, SPAN("p.test")),
        route_service_get(model, ROUTE_TRANSPORT_TCP, SPAN("ns"), SPAN("svc"), SPAN("80")));
}

static struct rig *rig_passthrough(void)
{
    struct rig_options options = rig_options_default();

    options.extend = passthrough_add;
    return rig_new(&options);
}

static void test_hello_passes_through_untouched(void **state)
{
    const struct span hello = span_of(HELLO, sizeof(HELLO) - 1);

    (void)state;
    struct rig *rig = rig_passthrough();
    for (size_t cut = 1; cut < hello.len; cut += 7) {
        struct end client = rig_client(rig, PROC_LISTEN_HTTPS);

        end_send_bytes(rig, &client, span_upto(hello, cut));
        assert_false(rig_backend_called(rig, 0)); /* not before it is whole */
        end_send_bytes(rig, &client, span_from(hello, cut));
        struct end backend = rig_backend(rig, 0);
        end_expect_bytes(rig, &backend, hello);
        end_send(rig, &backend, "not even TLS");
        end_expect(rig, &client, "not even TLS");
        end_close(&client);
        end_close(&backend);
    }
    rig_free(rig);
}

static void test_hello_is_waited_for_so_long(void **state)
{
    (void)state;
    struct rig *rig = rig_passthrough();
    struct end client = rig_client(rig, PROC_LISTEN_HTTPS);

    end_send_bytes(rig, &client, span_of(HELLO, 20));
    rig_pass_ms(rig, PROXY_TLS_HANDSHAKE_TIMEOUT_MS - 100);
    end_send_bytes(rig, &client, span_of(&HELLO[20], 1));
    end_expect_silence(rig, &client);
    rig_pass_ms(rig, 100 + LOOP_TICK_MS);
    end_expect_end(rig, &client);
    end_close(&client);
    rig_free(rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bytes_both_ways_and_half_close, setup),
        cmocka_unit_test_setup(test_first_words_wait_for_the_endpoint, setup),
        cmocka_unit_test_setup(test_many_pieces_through_small_buffers, setup),
        cmocka_unit_test_setup(test_refusing_endpoint_is_passed_over, setup),
        cmocka_unit_test_setup(test_no_endpoint_closes_at_once, setup),
        cmocka_unit_test_setup(test_all_endpoints_refuse, setup),
        cmocka_unit_test_setup(test_no_other_try_where_none_is_wanted, setup),
        cmocka_unit_test_setup(test_idle_passage_ends, setup),
        cmocka_unit_test_setup(test_open_passage_holds_no_image, setup),
        cmocka_unit_test_setup(test_log_line, setup),
        cmocka_unit_test_setup(test_port_closes_with_somebody_waiting, setup),
        cmocka_unit_test_setup(test_worker_ends_with_somebody_waiting, setup),
        cmocka_unit_test_setup(test_udp_session_without_a_word_ends, setup),
        cmocka_unit_test_setup(test_header_in_and_out, setup),
        cmocka_unit_test_setup(test_header_of_version_2, setup),
        cmocka_unit_test_setup(test_header_is_refused, setup),
        cmocka_unit_test_setup(test_header_before_http, setup),
        cmocka_unit_test_setup(test_header_is_waited_for_so_long, setup),
        cmocka_unit_test_setup(test_header_of_an_untrusted_peer, setup),
        cmocka_unit_test_setup(test_hello_passes_through_untouched, setup),
        cmocka_unit_test_setup(test_hello_is_waited_for_so_long, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
