/* What an image costs: writing, verifying and opening it, and a look-up in it.
 *
 *     build/test/unit/image/bench_image [hosts]... */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "fixture.h"
#include "image/match.h"
#include "image/publish.h"
#include "image/verify.h"
#include "image/writer.h"

enum {
    MATCHES = 2000000,
    REQUESTS = 4096, /* different ones, so that neither branches nor caches learn them by heart */
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}

static void requests_make(struct image_request *requests, uint32_t hosts, struct arena *arena)
{
    static const char *const paths[] = { "/", "/api/v1/users/42", "/api/v2/x", "/static/css/a.css",
                                         "/login" };

    for (uint32_t i = 0; i < REQUESTS; i++) {
        uint32_t host = (uint32_t)((uint64_t)i * 2654435761u % hosts);
        requests[i] = (struct image_request){
            .host = arena_printf(arena, "host-%u.example.com", host),
            .path = span_from_str(paths[i % ARRAY_LEN(paths)]),
            .method = SPAN("GET"),
        };
    }
}

static void bench_match(const struct image_view *view, uint32_t hosts)
{
    static struct image_request requests[REQUESTS];
    struct image_match match;
    struct arena arena;
    uint32_t ok = 0;

    arena_init(&arena, 64 << 10);
    requests_make(requests, hosts, &arena);
    double start = now_ms();
    for (uint32_t i = 0; i < MATCHES; i++)
        ok += image_match(view, &requests[i % REQUESTS], NULL, &match) == IMAGE_MATCH_OK;
    double took_ms = now_ms() - start;
    check(ok == MATCHES, "image_match");
    printf("  match                %8.1f ns\n", took_ms * 1e6 / MATCHES);
    arena_deinit(&arena);
}

static void report(const char *what, double *at_ms)
{
    double now = now_ms();

    printf("  %-20s %8.2f ms\n", what, now - *at_ms);
    *at_ms = now_ms();
}

static void bench(uint32_t hosts)
{
    struct route_model *model = fixture_model_large(hosts);
    struct image_writer *writer = image_writer_new();
    struct image_view *first = NULL, *second = NULL;
    struct image_fds fds, next;
    struct image_bytes bytes;
    const char *what;

    printf("%u hosts, %zu services, four paths a host\n", hosts, model->services.len);
    double at_ms = now_ms();
    check(image_write(writer, model, &bytes) == IMAGE_WRITE_OK, "image_write");
    report("write", &at_ms);
    check(image_publish(&bytes, NULL, &fds) == 0, "image_publish");
    report("publish", &at_ms);
    check(image_view_open(&fds, NULL, &first) == IMAGE_OPEN_OK, "image_view_open");
    report("open", &at_ms);
    check(image_verify(first, &what), "image_verify");
    report("verify", &at_ms);

    struct route_service *service = model->services.items[0];
    fixture_endpoints_set(model, service, 9, 3);
    at_ms = now_ms();
    check(image_write_endpoints(writer, model, &service, 1, &bytes) == 0, "image_write_endpoints");
    check(image_publish(&bytes, &fds, &next) == 0, "image_publish");
    check(image_view_open(&next, first, &second) == IMAGE_OPEN_OK, "image_view_open");
    report("one service's change", &at_ms);

    bench_match(second, hosts);
    image_view_unref(first);
    image_view_unref(second);
    image_fds_close(&fds);
    image_fds_close(&next);
    image_writer_free(writer);
    route_model_free(model);
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        bench(10000);
        bench(100000);
    }
    for (int i = 1; i < argc; i++) {
        int hosts = atoi(argv[i]);
        check(hosts > 0, "the number of hosts");
        bench((uint32_t)hosts);
    }
    return 0;
}
