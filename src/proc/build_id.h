/* proc/build_id.h
 *
 * Purpose    Which build of the program this is: what one build kept on disk is for no other.
 * See        ld(1), --build-id */
#ifndef YETT_PROC_BUILD_ID_H
#define YETT_PROC_BUILD_ID_H

#include <stdint.h>

enum { PROC_BUILD_ID_BYTES = 32 };

struct proc_build_id {
    uint8_t bytes[PROC_BUILD_ID_BYTES]; /* shorter ones end in zeros */
};

/* That of the linker; of a program that was linked without one, its version. */
struct proc_build_id proc_build_id_get(void);

#endif
