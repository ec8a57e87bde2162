/* Runs a fuzz target without libFuzzer: every file of the seed folder, then mutations of them, the
 * same ones each time. An input that kills the target is written to standard error in hex. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sanitizers call this before they end the process; absent in other builds. */
__attribute__((weak)) void __sanitizer_set_death_callback(void (*callback)(void));

enum {
    SEEDS_MAX = 256,
    INPUT_MAX = 1 << 16,
    RUNS = 20000,
    BUDGET_MS = 2500, /* a loaded machine runs fewer mutations, not longer */
};

struct input {
    uint8_t *bytes;
    size_t len;
};

static struct input seeds[SEEDS_MAX];
static size_t seeds_len;
static uint8_t current[INPUT_MAX];
static size_t current_len;

static void report_input(void)
{
    static const char digits[] = "0123456789abcdef";
    dprintf(STDERR_FILENO, "\nthe input, %zu bytes: ", current_len);
    for (size_t i = 0; i < current_len; i++)
        dprintf(STDERR_FILENO, "%c%c", digits[current[i] >> 4], digits[current[i] & 15]);
    dprintf(STDERR_FILENO, "\n");
}

static void on_abort(int signal_number)
{
    report_input();
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static uint64_t random_next(void)
{
    static uint64_t state = 0x9E3779B97F4A7C15u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static size_t random_below(size_t limit)
{
    return limit == 0 ? 0 : random_next() % limit;
}

static void run_current(void)
{
    uint8_t *exact =
        malloc(current_len + 1); /* ends where the input does, so that ASan sees more */
    memcpy(exact + 1, current, current_len);
    (void)LLVMFuzzerTestOneInput(exact + 1, current_len);
    free(exact);
}

/* Replaces `cut` bytes at `at` with `len` others. */
static void replace_run(size_t at, size_t cut, const uint8_t *bytes, size_t len)
{
    if (current_len - cut + len > INPUT_MAX)
        return;
    memmove(current + at + len, current + at + cut, current_len - at - cut);
    memmove(current + at, bytes, len);
    current_len = current_len - cut + len;
}

static void mutate_once(void)
{
    static const char spice[] = "\r\n\r\n:; \t,\0/%.?#0f-+[]@\x7f\xff\\\"{}'&*!|";
    size_t at = random_below(current_len + 1);
    size_t span = random_below(MIN((size_t)32, current_len - at) + 1);
    const struct input *other = &seeds[random_below(seeds_len)];
    size_t other_at = random_below(other->len + 1);
    uint8_t byte = (uint8_t)random_next();
    uint8_t copy[32];

    switch (random_next() % 6) {
    case 0: /* another byte */
        replace_run(at, span > 0, &byte, 1);
        break;
    case 1: /* some that parsers care about */
        at = MIN(at, current_len);
        replace_run(at, MIN(span, (size_t)1),
                    (const uint8_t *)spice + random_below(sizeof(spice) - 3), 1 + random_below(2));
        break;
    case 2: /* a run less */
        replace_run(at, span, &byte, 0);
        break;
    case 3: /* a run twice */
        memcpy(copy, current + at, span);
        replace_run(at, 0, copy, span);
        break;
    case 4: /* a run of another seed */
        replace_run(at, span, other->bytes + other_at,
                    random_below(MIN((size_t)64, other->len - other_at) + 1));
        break;
    default: /* a flipped bit */
        if (at < current_len)
            current[at] ^= (uint8_t)(1u << random_next() % 8);
        break;
    }
}

static void load_seed(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd == -1 ? -1 : read(fd, current, INPUT_MAX);
    if (fd != -1)
        close(fd);
    if (len < 0 || seeds_len == SEEDS_MAX)
        return;

    current_len = (size_t)len;
    struct input *seed = &seeds[seeds_len++];
    *seed = (struct input){ .bytes = malloc(current_len + 1), .len = current_len };
    memcpy(seed->bytes, current, current_len);
    run_current();
}

static int load_seeds(const char *folder)
{
    struct dirent **entries;
    int len = scandir(folder, &entries, NULL, alphasort); /* sorted: the mutations must not vary */
    for (int i = 0; i < len; i++) {
        if (entries[i]->d_name[0] != '.')
            load_seed(folder, entries[i]->d_name);
        free(entries[i]);
    }
    if (len >= 0)
        free(entries);
    return len;
}

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s SEED_FOLDER\n", argv[0]);
        return 2;
    }
    signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(report_input);

    uint64_t start_ms = now_ms();
    if (load_seeds(argv[1]) < 0 || seeds_len == 0) {
        fprintf(stderr, "no seeds in %s\n", argv[1]);
        return 1;
    }
    int runs = 0;
    for (; runs < RUNS && now_ms() - start_ms < BUDGET_MS; runs++) {
        const struct input *seed = &seeds[random_below(seeds_len)];
        memcpy(current, seed->bytes, seed->len);
        current_len = seed->len;
        for (size_t n = 1 + random_below(4); n > 0; n--)
            mutate_once();
        run_current();
    }
    printf("%zu seeds, %d mutations\n", seeds_len, runs);
    for (size_t i = 0; i < seeds_len; i++)
        free(seeds[i].bytes);
    return 0;
}
