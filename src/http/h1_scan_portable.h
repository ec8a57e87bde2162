/* http/h1_scan_portable.h
 *
 * Purpose    The searches of http/h1_scan.h, a byte at a time. */
#ifndef YETT_HTTP_H1_SCAN_PORTABLE_H
#define YETT_HTTP_H1_SCAN_PORTABLE_H

#include <stdbool.h>
#include <stdint.h>

enum { H1_DEL = 0x7f };

static inline bool h1_is_name(uint8_t c)
{
    uint8_t lower = c | 0x20;
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

static inline const char *h1_scan_name_portable(const char *at, const char *end)
{
    while (at < end && h1_is_name((uint8_t)*at))
        at++;
    return at;
}

static inline bool h1_is_text(uint8_t c)
{
    return (c >= ' ' && c != H1_DEL) || c == '\t';
}

static inline const char *h1_scan_text_portable(const char *at, const char *end)
{
    while (at < end && h1_is_text((uint8_t)*at))
        at++;
    return at;
}

static inline const char *h1_scan_target_portable(const char *at, const char *end)
{
    while (at < end && (uint8_t)*at > ' ' && *at != H1_DEL)
        at++;
    return at;
}

#endif
