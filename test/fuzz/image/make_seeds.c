/* Writes the seeds of fuzz_open anew, after a change of the format:
 *
 *     build/test/fuzz/image/make_image_seeds test/fuzz/image/seeds */
#include <stdio.h>

#include "fixture.h"
#include "image/segment.h"

static void put(FILE *file, struct span bytes)
{
    if (bytes.len > 0 && fwrite(bytes.ptr, bytes.len, 1, file) != 1)
        perror("fwrite");
}

static void seed_write(const char *folder, const char *name, const struct route_model *model)
{
    struct image_writer *writer = image_writer_new();
    struct image_bytes bytes;
    char path[4096];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    if (file && image_write(writer, model, &bytes) == IMAGE_WRITE_OK) {
        for (uint32_t i = 0; i < bytes.segments_len; i++) {
            uint32_t len = (uint32_t)bytes.segments[i].len;
            if (i < IMAGE_AT_ENDPOINTS)
                put(file, span_of((const char *)&len, sizeof(len)));
            put(file, bytes.segments[i]);
        }
    }
    if (!file || fclose(file) != 0)
        perror(path);
    image_writer_free(writer);
}

int main(int argc, char **argv)
{
    struct route_model *models[] = { route_model_new(), fixture_model_rich(),
                                     fixture_model_large(5) };
    static const char *const names[] = { "empty", "rich", "large" };

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < ARRAY_LEN(models); i++) {
        seed_write(argv[1], names[i], models[i]);
        route_model_free(models[i]);
    }
    return 0;
}
