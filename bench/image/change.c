/* What a change costs at scale: Ingresses of two paths each, with a host, a Service and two endpoints of
 * their own. The controller's way from "the store changed" to sealed and verified descriptors, in CPU
 * time, and what a worker needs to open them.
 *
 *     build/test/unit/ingress/bench_change [ingresses]... */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "image/publish.h"
#include "image/verify.h"
#include "image/writer.h"
#include "ingress/compile.h"

enum { ROUNDS = 50 };

struct cluster {
    struct arena arena;
    struct kube_store store;
    struct ingress_options options;
    struct route_model *model;
    struct image_writer *writer;
    struct image_bytes bytes;
    struct image_fds fds;
    struct image_view *view; /* the controller's */
};

static double cpu_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench: %s failed\n", what);
    exit(1);
}

static struct kube_text text(struct arena *arena, const char *before, uint32_t number)
{
    return (struct kube_text){ .text = arena_printf(arena, "%s%u", before, number) };
}

static struct kube_object *object_new(struct cluster *cluster, enum kube_kind kind, uint32_t number)
{
    struct kube_object *object = arena_new(&cluster->arena, struct kube_object);

    object->kind = kind;
    object->namespace = SPAN("shop");
    object->name = text(&cluster->arena, "app-", number).text;
    return object;
}

static struct kube_object *ingress_new(struct cluster *cluster, uint32_t number, const char *path)
{
    struct arena *arena = &cluster->arena;
    struct kube_object *object = object_new(cluster, KUBE_INGRESS, number);
    struct kube_rule *rule = arena_new(arena, struct kube_rule);
    struct kube_path *paths = arena_new_array(arena, struct kube_path, 2);

    for (uint32_t i = 0; i < 2; i++)
        paths[i] = (struct kube_path){
            .path.text = i ? span_from_str(path) : SPAN("/"),
            .type = KUBE_PATH_PREFIX,
            .backend = { .kind = KUBE_BACKEND_SERVICE,
                         .service = text(arena, "app-", number),
                         .port_number = 80 },
            .index = i,
        };
    rule->host = (struct kube_text){ .text = arena_printf(arena, "app-%u.example.com", number) };
    rule->has_http = true;
    rule->paths = paths;
    rule->paths_len = 2;
    object->ingress = (struct kube_ingress){ .rules = rule, .rules_len = 1 };
    return object;
}

static struct kube_object *service_new(struct cluster *cluster, uint32_t number)
{
    struct kube_object *object = object_new(cluster, KUBE_SERVICE, number);
    struct kube_service_port *port = arena_new(&cluster->arena, struct kube_service_port);

    port->port = 80;
    object->service = (struct kube_service){ .ports = port, .ports_len = 1 };
    return object;
}

static struct kube_object *slice_new(struct cluster *cluster, uint32_t number)
{
    struct arena *arena = &cluster->arena;
    struct kube_object *object = object_new(cluster, KUBE_ENDPOINT_SLICE, number);
    struct kube_slice_port *port = arena_new(arena, struct kube_slice_port);
    struct kube_endpoint *endpoints = arena_new_array(arena, struct kube_endpoint, 2);
    struct kube_text *addresses = arena_new_array(arena, struct kube_text, 2);

    port->port = 8080;
    for (uint32_t i = 0; i < 2; i++) {
        addresses[i].text =
            arena_printf(arena, "10.%u.%u.%u", number >> 16, number >> 8 & 255, (number & 127) + i);
        endpoints[i] = (struct kube_endpoint){ &addresses[i], 1, true, true, .index = i };
    }
    object->endpoint_slice = (struct kube_endpoint_slice){
        .service_name = text(arena, "app-", number),
        .ports = port,
        .ports_len = 1,
        .endpoints = endpoints,
        .endpoints_len = 2,
    };
    return object;
}

static void put(struct cluster *cluster, const struct kube_object *object)
{
    check(!kube_store_put(&cluster->store, object), "kube_store_put");
}

static void cluster_init(struct cluster *cluster, uint32_t ingresses)
{
    *cluster = (struct cluster){ .options = ingress_options_default() };
    cluster->options.watch_without_class = true;
    cluster->writer = image_writer_new();
    arena_init(&cluster->arena, 1 << 20);
    kube_store_init(&cluster->store);
    for (uint32_t i = 0; i < ingresses; i++) {
        put(cluster, ingress_new(cluster, i, "/api"));
        put(cluster, service_new(cluster, i));
        put(cluster, slice_new(cluster, i));
    }
}

static void cluster_deinit(struct cluster *cluster)
{
    image_view_unref(cluster->view);
    image_fds_close(&cluster->fds);
    image_writer_free(cluster->writer);
    route_model_free(cluster->model);
    kube_store_deinit(&cluster->store);
    arena_deinit(&cluster->arena);
}

static double since(double *at_ms)
{
    double now_ms = cpu_ms(), took_ms = now_ms - *at_ms;

    *at_ms = now_ms;
    return took_ms;
}

static void compile(struct cluster *cluster)
{
    struct diag_list diags;

    diag_list_init(&diags);
    route_model_free(cluster->model);
    cluster->model = ingress_compile(&cluster->store, &cluster->options, &diags);
    check(diags.diags.len == 0, "ingress_compile");
    diag_list_deinit(&diags);
}

/* Seals, opens and verifies what was written; returns the CPU time that a worker needs to open it. */
static double put_out(struct cluster *cluster)
{
    bool is_first = cluster->view == NULL;
    struct image_view *view = NULL, *of_worker = NULL;
    struct image_fds fds;
    const char *what = "";

    check(image_publish(&cluster->bytes, is_first ? NULL : &cluster->fds, &fds) == 0, "publish");
    check(image_view_open(&fds, cluster->view, &view) == IMAGE_OPEN_OK, "image_view_open");
    check(image_verify_changes(view, cluster->view, &what), "image_verify_changes");
    double at_ms = cpu_ms();
    check(image_view_open(&fds, cluster->view, &of_worker) == IMAGE_OPEN_OK, "image_view_open");
    image_view_unref(of_worker);
    double worker_ms = since(&at_ms);
    if (!is_first)
        image_fds_close(&cluster->fds);
    image_view_unref(cluster->view);
    cluster->fds = fds;
    cluster->view = view;
    return worker_ms;
}

static void whole(struct cluster *cluster)
{
    double at_ms = cpu_ms();

    compile(cluster);
    printf("  whole: compile         %8.2f ms\n", since(&at_ms));
    check(image_write(cluster->writer, cluster->model, &cluster->bytes) == 0, "image_write");
    printf("  whole: write           %8.2f ms\n", since(&at_ms));
    double worker_ms = put_out(cluster);
    printf("  whole: seal and verify %8.2f ms\n", since(&at_ms) - worker_ms);
    printf("  whole: a worker opens  %8.2f ms\n", worker_ms);
}

static void swap(struct cluster *cluster, struct ingress_change *change, struct kube_object *after)
{
    const struct kube_object *before =
        kube_store_find(&cluster->store, after->kind, after->namespace, after->name);

    ingress_change_add(change, before);
    kube_store_remove(&cluster->store, before);
    put(cluster, after);
    ingress_change_add(change, after);
}

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return (left > right) - (left < right);
}

static void one(struct cluster *cluster, const char *what, uint32_t ingresses, enum kube_kind kind)
{
    double controller_ms[ROUNDS], worker_ms[ROUNDS];

    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint32_t number = (uint32_t)((i + 1) * 2654435761u) % ingresses;
        struct ingress_change change;
        struct route_changes changes;

        ingress_change_init(&change);
        route_changes_init(&changes);
        struct kube_object *after = kind == KUBE_INGRESS
                                        ? ingress_new(cluster, number, i % 2 ? "/v2" : "/v1")
                                        : service_new(cluster, number);
        after->pos.line = i + 1;
        swap(cluster, &change, after);
        double at_ms = cpu_ms();
        check(ingress_recompile(&cluster->store, &cluster->options, &change, cluster->model,
                                &changes),
              "ingress_recompile");
        check(image_write_changes(cluster->writer, cluster->model, &changes, &cluster->bytes) == 0,
              "image_write_changes");
        worker_ms[i] = put_out(cluster);
        controller_ms[i] = since(&at_ms) - worker_ms[i];
        route_changes_deinit(&changes);
        ingress_change_deinit(&change);
    }
    qsort(controller_ms, ROUNDS, sizeof(controller_ms[0]), by_value);
    qsort(worker_ms, ROUNDS, sizeof(worker_ms[0]), by_value);
    printf("  %-22s %8.2f ms, worst %.2f; a worker opens it in %.2f ms, worst %.2f\n", what,
           controller_ms[ROUNDS / 2], controller_ms[ROUNDS - 1], worker_ms[ROUNDS / 2],
           worker_ms[ROUNDS - 1]);
}

static void bench(uint32_t ingresses)
{
    struct cluster cluster;

    printf("%u Ingresses\n", ingresses);
    cluster_init(&cluster, ingresses);
    whole(&cluster);
    one(&cluster, "an Ingress changes", ingresses, KUBE_INGRESS);
    one(&cluster, "a Service changes", ingresses, KUBE_SERVICE);
    cluster_deinit(&cluster);
}

int main(int argc, char **argv)
{
    if (argc == 1) {
        bench(10000);
        bench(100000);
    }
    for (int i = 1; i < argc; i++) {
        int ingresses = atoi(argv[i]);
        check(ingresses > 0, "the number of Ingresses");
        bench((uint32_t)ingresses);
    }
    return 0;
}
