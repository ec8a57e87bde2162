#include "control/admin.h"

#include "base/mem.h"

struct admin {
    struct http_server *server;
    admin_page_fn *page;
    void *ctx;
};

static void serve(void *ctx, const struct http_request *request, struct http_answer *answer)
{
    const struct admin *admin = ctx;

    admin->page(admin->ctx, request->path, answer);
}

int admin_new(struct loop *loop, int listen_fd, admin_page_fn *page, void *ctx,
              struct admin **ret_admin)
{
    struct admin *admin = mem_alloc_zero(sizeof(*admin));
    struct http_server_options options = {
        .name = "admin",
        .methods = 1 << HTTP_GET | 1 << HTTP_HEAD,
        .connections_max = ADMIN_CONNECTIONS_MAX,
        .idle_ms = ADMIN_IDLE_MS,
        .serve = serve,
        .ctx = admin,
    };

    admin->page = page;
    admin->ctx = ctx;
    int r = http_server_new(loop, listen_fd, &options, &admin->server);
    if (r < 0) {
        mem_free(admin);
        return r;
    }
    *ret_admin = admin;
    return 0;
}

struct admin *admin_free(struct admin *admin)
{
    if (!admin)
        return NULL;
    http_server_free(admin->server);
    return mem_free(admin);
}
