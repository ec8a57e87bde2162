/* Targets and hosts: what normalises is normal, and stays so. The first byte of the input is the
 * method. */
#include "http/target.h"
#include "base/bug.h"
#include "base/mem.h"
#include "base/scope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(struct span path)
{
    SCOPED(mem_freep) char *at = mem_alloc(path.len + 1);
    struct span normal;
    if (target_normalise(path, at, &normal) != TARGET_OK || span_eq(normal, SPAN("*")))
        return;

    invariant(normal.len <= path.len && normal.ptr[0] == '/');
    invariant(!span_contains(normal, SPAN("//")));
    invariant(!span_contains(normal, SPAN("/../")) && !span_contains(normal, SPAN("/./")));
    invariant(!span_ends_with(normal, SPAN("/..")) && !span_ends_with(normal, SPAN("/.")));

    /* An escaped percent sign is the one thing that a second decoding would change. */
    if (span_find(normal, '%') != SPAN_NOT_FOUND)
        return;
    SCOPED(mem_freep) char *again_at = mem_alloc(normal.len + 1);
    struct span again;
    invariant(target_normalise(normal, again_at, &again) == TARGET_OK);
    invariant(span_eq(again, normal));
}

static void check_host(struct span value)
{
    SCOPED(mem_freep) char *at = mem_alloc(value.len + 1);
    struct span host, again;
    int r = host_normalise(value, at, &host);
    invariant((r == TARGET_OK) == host_is_valid(value));
    if (r != TARGET_OK)
        return;

    for (size_t i = 0; i < host.len; i++)
        invariant(host.ptr[i] == ascii_lower(host.ptr[i]) && host.ptr[i] > ' ');
    SCOPED(mem_freep) char *again_at = mem_alloc(host.len + 1);
    invariant(host_normalise(host, again_at, &again) == TARGET_OK);
    invariant(span_eq(host, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    struct span text = span_of((const char *)data + 1, size - 1);
    struct target target;

    check_host(text);
    /* The parser of heads lets no NUL through. */
    if (span_find(text, '\0') != SPAN_NOT_FOUND)
        return 0;
    check_path(text);
    if (target_parse(text, (enum http_method)(data[0] % (HTTP_PATCH + 1)), &target) != TARGET_OK)
        return 0;
    invariant(target.origin.len > 0 &&
              (target.origin.ptr[0] == '/' || target.origin.ptr[0] == '*'));
    check_path(target.path);
    if (target.form == TARGET_ABSOLUTE)
        invariant(host_is_valid(target.authority));
    return 0;
}
