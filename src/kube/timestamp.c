#include "kube/timestamp.h"

/* Where digits stand, and the largest value; the separators stand between. */
static const struct {
    unsigned at, len, min, max;
} parts[] = {
    { 0, 4, 0, 9999 }, { 5, 2, 1, 12 },  { 8, 2, 1, 31 },
    { 11, 2, 0, 23 },  { 14, 2, 0, 59 }, { 17, 2, 0, 60 }, /* 60: a leap second */
};

enum { YEAR, MONTH, DAY, HOUR, MINUTE, SECOND, PARTS_LEN };

static bool digits_parse(struct span text, size_t at, size_t len, unsigned *ret_value)
{
    unsigned value = 0;

    for (size_t i = at; i < at + len; i++) {
        if (i >= text.len || text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text.ptr[i] - '0');
    }
    *ret_value = value;
    return true;
}

static bool is_leap(unsigned year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static unsigned month_days(unsigned year, unsigned month)
{
    static const unsigned char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Days from 1970-01-01, in years that begin in March, so that the leap day is a year's last. */
static int64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era_years = y >= 0 ? y : y - 399;
    int64_t era = era_years / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

/* "Z" or "+hh:mm" at the end. */
static bool offset_parse(struct span text, int64_t *ret_offset_s)
{
    unsigned hours, minutes;

    if (text.len == 1 && (text.ptr[0] == 'Z' || text.ptr[0] == 'z')) {
        *ret_offset_s = 0;
        return true;
    }
    if (text.len != 6 || text.ptr[3] != ':' || (text.ptr[0] != '+' && text.ptr[0] != '-') ||
        !digits_parse(text, 1, 2, &hours) || !digits_parse(text, 4, 2, &minutes) || hours > 23 ||
        minutes > 59)
        return false;
    int64_t offset_s = (int64_t)hours * 3600 + (int64_t)minutes * 60;
    *ret_offset_s = text.ptr[0] == '-' ? -offset_s : offset_s;
    return true;
}

static struct span fraction_skip(struct span text)
{
    size_t at = 1;

    if (text.len < 2 || text.ptr[0] != '.')
        return text;
    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at > 1 ? span_from(text, at) : text;
}

bool kube_timestamp_parse(struct span text, int64_t *ret_unix_s)
{
    unsigned value[PARTS_LEN];
    int64_t offset_s;

    for (size_t i = 0; i < PARTS_LEN; i++) {
        if (!digits_parse(text, parts[i].at, parts[i].len, &value[i]) || value[i] < parts[i].min ||
            value[i] > parts[i].max)
            return false;
    }
    if (text.ptr[4] != '-' || text.ptr[7] != '-' || ascii_lower(text.ptr[10]) != 't' ||
        text.ptr[13] != ':' || text.ptr[16] != ':' ||
        value[DAY] > month_days(value[YEAR], value[MONTH]) ||
        !offset_parse(fraction_skip(span_from(text, 19)), &offset_s))
        return false;
    *ret_unix_s = days_from_civil(value[YEAR], value[MONTH], value[DAY]) * 86400 +
                  (int64_t)value[HOUR] * 3600 + (int64_t)value[MINUTE] * 60 + value[SECOND] -
                  offset_s;
    return true;
}
