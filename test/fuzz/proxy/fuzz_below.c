/* What comes before HTTP and what goes below it, in a whole worker: PROXY headers on three kinds of ports,
 * ClientHellos that may pass through, TCP Services. The first byte says which port, the rest is played as
 * scene_play() reads it. */
#include "proc/inherit.h"
#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t kinds[] = { PROC_LISTEN_HTTP, PROC_LISTEN_HTTPS, PROC_LISTEN_TCP,
                                     PROC_LISTEN_TCP };

    if (size < 1)
        return 0;
    scene.is_below = true;
    scene.listener_kind = kinds[data[0] & 3];
    if (!scene.loop)
        scene_begin();
    scene_play(data + 1, size - 1);
    return 0;
}
