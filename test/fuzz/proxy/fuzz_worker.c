/* A whole worker, driven by the input, as scene_act() reads it, over HTTP. Nothing may crash, and in the end
 * nothing may be left over. */
#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!scene.loop)
        scene_begin();
    scene_play(data, size);
    return 0;
}
