#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static uint64_t clock_ns(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t clock_mono_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

uint64_t clock_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t clock_wall_s(void)
{
    return (int64_t)(clock_wall_ns() / 1000000000);
}

/* gmtime_r() would do, but glibc opens /etc/localtime for it, which a sandboxed worker must not. */
struct civil_date {
    uint64_t year;
    unsigned month, day; /* from 1 */
};

/* Counts in years that begin in March, so that the leap day is the last of its year and of its era
 * of 400 years, all of which have 146,097 days. */
static struct civil_date civil_date_of(uint64_t days_since_1970)
{
    uint64_t days = days_since_1970 + 719468; /* since 0000-03-01 */
    uint64_t era = days / 146097;
    unsigned day_of_era = (unsigned)(days % 146097);
    unsigned year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    unsigned march_month = (5 * day_of_year + 2) / 153; /* 0 is March */
    unsigned month = march_month < 10 ? march_month + 3 : march_month - 9;

    return (struct civil_date){
        .year = era * 400 + year_of_era + (month <= 2),
        .month = month,
        .day = day_of_year - (153 * march_month + 2) / 5 + 1,
    };
}

void clock_format_rfc3339(uint64_t wall_ns, char *at)
{
    uint64_t ms = wall_ns / 1000000u;
    struct civil_date date = civil_date_of(ms / 86400000u);
    unsigned ms_of_day = (unsigned)(ms % 86400000u);
    char text[64];

    snprintf(text, sizeof(text), "%04u-%02u-%02uT%02u:%02u:%02u.%03uZ", (unsigned)date.year,
             date.month, date.day, ms_of_day / 3600000, ms_of_day / 60000 % 60,
             ms_of_day / 1000 % 60, ms_of_day % 1000);
    memcpy(at, text, CLOCK_RFC3339_LEN);
}
