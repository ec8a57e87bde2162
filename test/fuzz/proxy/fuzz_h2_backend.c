/* A whole worker whose backend speaks HTTP/2, driven by the input, as scene_play() reads it. Whatever the
 * backend says, nothing may crash, and in the end nothing may be left over. */
#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!scene.loop) {
        scene.speaks_http2_to_backends = true;
        scene_begin();
    }
    scene_play(data, size);
    return 0;
}
