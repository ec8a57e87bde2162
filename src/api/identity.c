#include "api/identity.h"

#include "base/bug.h"
#include "base/mem.h"

enum { IDENTITY_BLOCK_BYTES = 4096 };

struct api_identity *api_identity_new(void)
{
    struct api_identity *identity = mem_alloc_zero(sizeof(*identity));

    identity->refs = 1;
    arena_init(&identity->arena, IDENTITY_BLOCK_BYTES);
    return identity;
}

struct api_identity *api_identity_ref(struct api_identity *identity)
{
    identity->refs++;
    return identity;
}

struct api_identity *api_identity_unref(struct api_identity *identity)
{
    if (!identity)
        return NULL;
    invariant(identity->refs > 0);
    if (--identity->refs > 0)
        return NULL;
    arena_deinit(&identity->arena);
    return mem_free(identity);
}

void api_identity_header_add(struct api_identity *identity, struct span line)
{
    struct curl_slist *node = arena_new(&identity->arena, struct curl_slist);

    node->data = (char *)arena_dup(&identity->arena, line).ptr;
    node->next = identity->headers;
    identity->headers = node;
}

static bool headers_eq(const struct curl_slist *a, const struct curl_slist *b)
{
    for (; a && b; a = a->next, b = b->next) {
        if (strcmp(a->data, b->data) != 0)
            return false;
    }
    return a == b;
}

bool api_identity_eq(const struct api_identity *a, const struct api_identity *b)
{
    return span_eq(a->ca_pem, b->ca_pem) && span_eq(a->certificate_pem, b->certificate_pem) &&
           span_eq(a->key_pem, b->key_pem) && span_eq(a->username, b->username) &&
           span_eq(a->password, b->password) && headers_eq(a->headers, b->headers);
}
