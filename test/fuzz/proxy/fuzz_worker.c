/* A whole worker, driven by the input: each byte says who acts, the bytes behind it what is said.
 *
 *   0xxxxxxx  client (bit 0: which of two) sends the next x >> 1 bytes
 *   10xxxxxx  the backend's newest connection sends the next x bytes
 *   1100000c  client c leaves and another takes its place
 *   1100001x  the backend's newest connection closes
 *   110001xx  the clock goes on, by a tick up to more than any time-out
 *   else      client 0 says its end
 *
 * Nothing may crash, and in the end nothing may be left over. */
#include <sys/socket.h>
#include <unistd.h>

#include "scene.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void connection_say(struct span bytes)
{
    if (scene.connections_len > 0)
        scene_say(scene.connections[scene.connections_len - 1], bytes);
}

/* One act; returns how many bytes behind its own it took. */
static size_t act(uint8_t what, const uint8_t *rest, size_t rest_len)
{
    static const uint64_t steps_ms[] = { LOOP_TICK_MS, 2000, 61000, 400000 };
    size_t len = MIN(rest_len, (size_t)(what & 0x80 ? what & 0x3F : (what & 0x7F) >> 1));

    if (!(what & 0x80)) {
        scene_say(scene.clients[what & 1], span_of((const char *)rest, len));
        return len;
    }
    if (!(what & 0x40)) {
        connection_say(span_of((const char *)rest, len));
        return len;
    }
    switch (what & 0x3E) {
    case 0:
        close(scene.clients[what & 1]);
        scene_client_begin(what & 1);
        break;
    case 2:
        scene_backend_close();
        break;
    case 4:
    case 6:
        scene_clock_turn(steps_ms[what & 3]);
        break;
    default:
        (void)shutdown(scene.clients[0], SHUT_WR);
        break;
    }
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!scene.loop)
        scene_begin();
    for (unsigned i = 0; i < SCENE_CLIENTS; i++)
        scene_client_begin(i);
    for (size_t at = 0; at < size && at < 4096;) {
        uint8_t what = data[at++];

        at += act(what, data + at, size - at);
        scene_settle();
    }
    scene_clear();
    return 0;
}
