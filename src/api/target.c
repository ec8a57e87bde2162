#include "api/target.h"

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void target_escape(struct buf *out, struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i]))
            buf_append_byte(out, text.ptr[i]);
        else
            buf_printf(out, "%%%02X", (unsigned char)text.ptr[i]);
    }
}

static void parameter_add(struct buf *out, const char *name, struct span value)
{
    buf_printf(out, "&%s=", name);
    target_escape(out, value);
}

static void path_add(const struct reflector_target *target, struct buf *out)
{
    buf_append(out, target->base);
    if (target->namespace.len) {
        buf_append(out, SPAN("/namespaces/"));
        target_escape(out, target->namespace);
    }
    buf_append_byte(out, '/');
    buf_append(out, target->resource);
}

static void selectors_add(const struct reflector_target *target, struct buf *out)
{
    if (target->name.len) {
        buf_append(out, SPAN("&fieldSelector=metadata.name%3D"));
        target_escape(out, target->name);
    }
    if (target->label_selector.len)
        parameter_add(out, "labelSelector", target->label_selector);
}

void target_list_path(const struct reflector_target *target, uint32_t limit, struct span token,
                      struct buf *out)
{
    path_add(target, out);
    buf_printf(out, "?limit=%u", limit);
    selectors_add(target, out);
    if (token.len)
        parameter_add(out, "continue", token);
}

/* No resourceVersion at a streaming list: as new as etcd, and not only as the cache of one of several API
 * servers, so that a listing never goes back in time. */
void target_watch_path(const struct reflector_target *target, struct span resource_version,
                       uint32_t timeout_s, struct buf *out)
{
    path_add(target, out);
    buf_printf(out, "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%u", timeout_s);
    selectors_add(target, out);
    if (resource_version.len)
        parameter_add(out, "resourceVersion", resource_version);
    else
        buf_append(out, SPAN("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
}
