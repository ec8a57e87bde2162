/* api/file.h
 *
 * Purpose    A small file that others change while we run: a token, a certificate.
 * Ownership  The file owns its bytes; borrows `path`.
 * Lifetime   A zeroed struct with a path is a file that was not read yet; api_file_deinit().
 * Limits     The cap given; a larger file is refused. */
#ifndef YETT_API_FILE_H
#define YETT_API_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "base/buf.h"

struct api_file {
    struct span path; /* ends in a NUL that it does not count */
    struct buf bytes;
    bool is_read; /* `bytes` is what it held at some time */
    struct stat seen;
    uint64_t looked_ms, read_ms;
};

void api_file_deinit(struct api_file *file);

/* Reads all of it into *ret_bytes, which is empty before. -errno; -EFBIG: larger than `max`. */
YETT_MUST_USE int api_file_read(struct span path, size_t max, struct buf *ret_bytes);

/* Brings `bytes` up to date: looks at the file if that is `look_ms` ago, reads it if it looks changed or was
 * read `read_ms` ago. Returns 0 or -errno; after a failure `bytes` is what it was. */
YETT_MUST_USE int api_file_refresh(struct api_file *file, size_t max, uint64_t now_ms,
                                   uint64_t look_ms, uint64_t read_ms);

#endif
