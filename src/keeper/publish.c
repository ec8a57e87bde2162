#include "keeper/publish.h"

static_assert((int)ROUTE_LISTENERS_MAX <= (int)PROC_PORTS_MAX, "all ports go into one message");

void publish_message(const struct image_fds *fds, const struct image_view *view,
                     struct proc_message *ret_message)
{
    *ret_message = (struct proc_message){
        .kind = PROC_PUBLISH,
        .generation = view->generation,
        .fds_len = 1 + fds->segments_len,
        .fds[0] = fds->root,
        .ports_len = image_listener_count(view),
    };

    invariant(ret_message->fds_len <= PROC_FDS_MAX && ret_message->ports_len <= PROC_PORTS_MAX);
    memcpy(ret_message->fds + 1, fds->segments, fds->segments_len * sizeof(int));
    for (uint32_t i = 0; i < ret_message->ports_len; i++) {
        const struct image_listener *listener = image_listener_get(view, i);
        ret_message->ports[i] = (struct proc_port){ listener->transport, listener->port };
    }
}
