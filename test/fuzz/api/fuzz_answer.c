#include "api/exec_credential.h"
#include "api/status.h"
#include "base/bug.h"

/* What an exec plugin says, and what a server says that refuses: hostile bytes are an error in words. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void credential(struct arena *arena, struct span text)
{
    struct api_exec_credential said;
    struct buf error = { 0 };

    if (api_exec_credential_parse(arena, text, SPAN("client.authentication.k8s.io/v1"), &said,
                                  &error))
        invariant(error.len == 0 && (said.token.len > 0 || said.key_pem.len > 0));
    else
        invariant(error.len > 0);
    buf_deinit(&error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = span_of((const char *)data, size);
    struct api_status status;
    struct arena arena;

    arena_init(&arena, 4096);
    credential(&arena, text);
    api_status_read(&arena, text, 500, &status);
    invariant(status.message.len > 0 && span_find(status.message, '\n') == SPAN_NOT_FOUND);
    arena_deinit(&arena);
    return 0;
}
