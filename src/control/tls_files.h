/* control/tls_files.h
 *
 * Purpose    A server's certificate, key and, if wanted, the authorities of its clients, in files that are
 *            followed: as a mounted Secret changes, so does what new connections are shown.
 * Ownership  Owns the context; borrows the loop and the paths.
 * Lifetime   tls_files_init() … tls_files_deinit().
 * Roles      controller.
 * Limits     TLS_FILES_CHECK_MS until a change is noticed; TLS_FILES_BYTES_MAX a file.
 * Errors     What cannot be read or used is logged once, and what was good before stays in use. */
#ifndef YETT_CONTROL_TLS_FILES_H
#define YETT_CONTROL_TLS_FILES_H

#include "net/loop.h"
#include "tls/context.h"

enum {
    TLS_FILES_CHECK_MS = 2000, /* the kubelet itself takes a minute */
    TLS_FILES_BYTES_MAX = 1 << 20,
    TLS_FILES_LEN = 3,
};

struct tls_files_paths {
    const char *certificate, *key;
    const char *client_ca; /* NULL: anyone may connect */
};

/* What a file was when it was read. */
struct tls_file_mark {
    uint64_t device, inode, size, modified_ns;
};

struct tls_files {
    struct loop *loop;
    struct tls_files_paths paths;
    struct tls_context *context; /* NULL: none was good yet */
    struct loop_timer timer;
    struct tls_file_mark marks[TLS_FILES_LEN];
    bool was_tried;
};

void tls_files_init(struct tls_files *files, struct loop *loop,
                    const struct tls_files_paths *paths);
void tls_files_deinit(struct tls_files *files);

#endif
