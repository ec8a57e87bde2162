/* base/clock.h
 *
 * Purpose    The two clocks. Durations and deadlines are monotonic; wall time is for people.
 * Units      Nanoseconds (ns), microseconds (us), milliseconds (ms), seconds (s), as the name ends. */
#ifndef YETT_BASE_CLOCK_H
#define YETT_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

uint64_t clock_mono_ns(void);
/* Since 1970-01-01 UTC. */
uint64_t clock_wall_ns(void);
int64_t clock_wall_s(void);

enum { CLOCK_RFC3339_LEN = 24 }; /* "2026-01-31T23:59:59.123Z" */

/* Writes CLOCK_RFC3339_LEN bytes, no NUL. */
void clock_format_rfc3339(uint64_t wall_ns, char *at);

#endif
