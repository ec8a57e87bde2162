#include "kept.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/bug.h"
#include "image/publish.h"

void kept_open(struct kept *kept)
{
    *kept = (struct kept){ .fds.root = -1, .save.flags = KEPT_FLAGS };
    scratch_open(&kept->scratch);
    kept->dir = open(kept->scratch.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    kept->writer = image_writer_new();
    invariant(kept->dir != -1);
}

void kept_close(struct kept *kept)
{
    close(kept->dir);
    image_fds_close(&kept->fds);
    image_writer_free(kept->writer);
    scratch_close(&kept->scratch);
}

void kept_publish(struct kept *kept, const struct route_model *model)
{
    struct image_bytes bytes;
    struct image_fds fds;

    invariant(image_write(kept->writer, model, &bytes) == IMAGE_WRITE_OK);
    invariant(image_publish(&bytes, NULL, &fds) == 0);
    image_fds_close(&kept->fds);
    kept->fds = fds;
}

int kept_save(struct kept *kept)
{
    int fds[1 + IMAGE_SEGMENTS_MAX];
    uint32_t fds_len = 0;

    fds[fds_len++] = kept->fds.root;
    for (uint32_t i = IMAGE_AT_SECRETS + 1; i < kept->fds.segments_len; i++)
        fds[fds_len++] = kept->fds.segments[i];
    return save_image(&kept->save, kept->dir, fds, fds_len);
}

void kept_each(const struct kept *kept, void (*on_file)(void *ctx, const char *name), void *ctx)
{
    DIR *entries = opendir(kept->scratch.root);

    invariant(entries != NULL);
    for (struct dirent *entry = readdir(entries); entry; entry = readdir(entries)) {
        if (entry->d_name[0] != '.')
            on_file(ctx, entry->d_name);
    }
    closedir(entries);
}

static void count(void *ctx, const char *name)
{
    (void)name;
    ++*(size_t *)ctx;
}

size_t kept_count(const struct kept *kept)
{
    size_t files = 0;

    kept_each(kept, count, &files);
    return files;
}
