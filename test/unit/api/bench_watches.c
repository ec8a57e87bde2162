/* Opens watches of /watch (or of the path given) at the server of a kubeconfig, and says what each costs in
 * memory and in connections: bench_watches KUBECONFIG N [PATH] */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/client.h"
#include "base/bug.h"

static size_t pieces, ended;

static void on_body(void *ctx, struct span bytes)
{
    (void)ctx;
    (void)bytes;
    pieces++;
}

static void on_done(void *ctx, const struct api_reply *reply)
{
    (void)ctx;
    ended++;
    fprintf(stderr, "%s: " SPAN_FMT "\n", api_call_result_name(reply->result),
            SPAN_ARG(reply->message));
}

static size_t resident_bytes(void)
{
    size_t size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    invariant(file != NULL && fscanf(file, "%zu %zu", &size, &resident) == 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void turn_for(struct loop *loop, uint64_t ms)
{
    uint64_t end_ms = loop_now_ms(loop) + ms;

    while (loop_now_ms(loop) < end_ms)
        invariant(loop_turn(loop, 100) == 0);
}

int main(int argc, char **argv)
{
    static const struct api_call_events events = { .on_body = on_body, .on_done = on_done };
    struct api_request request = { .path = span_from_str(argc > 3 ? argv[3] : "/watch"),
                                   .is_quiet = true };
    struct api_config_choice choice = { .kubeconfig = span_from_str(argc > 1 ? argv[1] : "") };
    struct api_config *config;
    struct api_client *client;
    struct buf error = { 0 };
    struct loop *loop;

    invariant(argc > 2 && loop_new(&loop) == 0);
    if (api_config_load(&choice, &config, &error) != API_CONFIG_OK) {
        fprintf(stderr, SPAN_FMT "\n", SPAN_ARG(buf_span(&error)));
        return 1;
    }
    invariant(api_client_new(loop, config, &client) == 0);
    api_call_start(client, &request, &events, NULL);
    turn_for(loop, 3000);
    size_t before = resident_bytes(), watches = (size_t)atoi(argv[2]);
    for (size_t i = 0; i < watches; i++)
        api_call_start(client, &request, &events, NULL);
    turn_for(loop, 7000);
    printf("%zu watches: %zu bytes each, %llu connections, %zu pieces, %zu ended\n", watches,
           (resident_bytes() - before) / watches,
           (unsigned long long)api_client_facts(client)->connections, pieces, ended);
    api_client_free(client);
    loop_free(loop);
    return 0;
}
