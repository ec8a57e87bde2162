#include "control/dir_names.h"

static bool is_hidden(struct span name)
{
    return name.len == 0 || name.ptr[0] == '.';
}

/* "#x.yaml#" and ".#x" (emacs), "x.yaml~" (many), "4913" and ".x.swp" (vim): the suffix and the dot
 * rule out all but the first. */
static bool is_editors(struct span name)
{
    return name.ptr[0] == '#';
}

bool dir_name_is_manifest(struct span name)
{
    if (is_hidden(name) || is_editors(name))
        return false;
    return span_ends_with(name, SPAN(".yaml")) || span_ends_with(name, SPAN(".yml")) ||
           span_ends_with(name, SPAN(".json"));
}

bool dir_name_is_folder(struct span name)
{
    return !is_hidden(name);
}

bool dir_name_is_kubelet(struct span name)
{
    return span_starts_with(name, SPAN(".."));
}
