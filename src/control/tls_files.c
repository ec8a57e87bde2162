#include "control/tls_files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/scope.h"

/* Certificate and key are two files, and may be seen while only one of them is new. Such a pair does not
 * fit, is passed over, and is looked at again as soon as a file changes once more. */

/* As OpenSSL has it where nobody says how long a client's chain may be. */
enum { CLIENT_DEPTH_MAX = 100 };

/* All zero where there is none. */
static struct tls_file_mark mark_of(const char *path)
{
    struct stat st;

    if (!path || stat(path, &st) == -1)
        return (struct tls_file_mark){ 0 };
    return (struct tls_file_mark){
        .device = st.st_dev,
        .inode = st.st_ino,
        .size = (uint64_t)st.st_size,
        .modified_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec,
    };
}

static int file_read(const char *path, struct buf *ret_text)
{
    SCOPED(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd == -1)
        return -errno;
    while (ret_text->len < TLS_FILES_BYTES_MAX) {
        ssize_t n = read(fd, buf_reserve(ret_text, 4096), 4096);
        if (n == -1)
            return -errno;
        if (n == 0)
            return 0;
        ret_text->len += (size_t)n;
    }
    return -EFBIG;
}

static bool trouble(const char *path, int r, const char *what)
{
    log_error("webhook_certificate_unusable", F_STR("file", path), F_ERRNO(r),
              F_STR("because", what),
              F_STR("mend", "put a PEM chain, leaf first, and its key into the files that "
                            "--validating-webhook-certificate and -key name"));
    return false;
}

static void secret_deinit(struct buf *text)
{
    if (text->ptr)
        explicit_bzero(text->ptr, text->len);
    buf_deinit(text);
}

static void contextp_unref(struct tls_context **context)
{
    *context = tls_context_unref(*context);
}

/* Who may connect; nothing where anyone may. */
static bool clients_read(const struct tls_files *files, struct buf *authorities)
{
    if (!files->paths.client_ca)
        return true;
    int r = file_read(files->paths.client_ca, authorities);
    return r < 0 ? trouble(files->paths.client_ca, r, "it cannot be read") : true;
}

static bool context_make(const struct tls_files *files, const struct tls_server *server,
                         struct tls_context **ret_context)
{
    switch ((enum tls_context_result)tls_context_new_server(server, ret_context)) {
    case TLS_CONTEXT_OK:
        return true;
    case TLS_CONTEXT_BAD_AUTHORITIES:
        return trouble(files->paths.client_ca, 0, "it holds no certificate, or a damaged one");
    case TLS_CONTEXT_BAD_PAIR:
    case TLS_CONTEXT_BAD_POLICY:
        break;
    }
    return trouble(files->paths.certificate, 0, "it is no certificate, or not that of the key");
}

static bool load(struct tls_files *files)
{
    SCOPED(buf_deinit) struct buf chain = { 0 };
    SCOPED(secret_deinit) struct buf key = { 0 };
    SCOPED(buf_deinit) struct buf authorities = { 0 };
    SCOPED(contextp_unref) struct tls_context *context = NULL;

    int r = file_read(files->paths.certificate, &chain);
    if (r < 0)
        return trouble(files->paths.certificate, r, "it cannot be read");
    r = file_read(files->paths.key, &key);
    if (r < 0)
        return trouble(files->paths.key, r, "it cannot be read");
    if (!clients_read(files, &authorities))
        return false;
    const struct tls_server server = {
        .pairs = { { buf_span(&chain), buf_span(&key) } },
        .pairs_len = 1,
        .client_auth = { .mode = files->paths.client_ca ? TLS_CLIENT_REQUIRE : TLS_CLIENT_OFF,
                         .depth = CLIENT_DEPTH_MAX,
                         .ca_pem = buf_span(&authorities) },
    };
    if (!context_make(files, &server, &context))
        return false;
    tls_context_unref(files->context);
    files->context = TAKE(context);
    return true;
}

static void check(struct tls_files *files)
{
    const char *const paths[TLS_FILES_LEN] = { files->paths.certificate, files->paths.key,
                                               files->paths.client_ca };
    struct tls_file_mark marks[TLS_FILES_LEN];

    for (size_t i = 0; i < TLS_FILES_LEN; i++)
        marks[i] = mark_of(paths[i]);
    if (files->was_tried && memcmp(marks, files->marks, sizeof(marks)) == 0)
        return;
    memcpy(files->marks, marks,
           sizeof(marks)); /* of before: what changes meanwhile is seen later */
    files->was_tried = true;
    if (load(files))
        log_info("webhook_certificate_loaded", F_STR("file", files->paths.certificate));
}

static void on_check(struct loop_timer *timer)
{
    struct tls_files *files = container_of(timer, struct tls_files, timer);

    check(files);
    loop_timer_set(files->loop, &files->timer, TLS_FILES_CHECK_MS);
}

void tls_files_init(struct tls_files *files, struct loop *loop, const struct tls_files_paths *paths)
{
    *files = (struct tls_files){ .loop = loop, .paths = *paths };
    loop_timer_init(&files->timer, on_check);
    on_check(&files->timer);
}

void tls_files_deinit(struct tls_files *files)
{
    loop_timer_cancel(&files->timer);
    files->context = tls_context_unref(files->context);
}
