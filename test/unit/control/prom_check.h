/* test/unit/control/prom_check.h
 *
 * Purpose    A strict reader of the Prometheus text format: refuses what a scraper would, and
 *            more.
 * See        https://prometheus.io/docs/instrumenting/exposition_formats/ */
#ifndef YETT_TEST_CONTROL_PROM_CHECK_H
#define YETT_TEST_CONTROL_PROM_CHECK_H

#include "base/span.h"

/* NULL where `text` is in order; else what is not, with the line, in a static buffer. Checked: every
 * sample follows its family's HELP and TYPE, families are there once and in one piece, names, labels and
 * escapes are well-formed, no series is there twice, values are numbers, histograms are cumulative, end
 * with +Inf, and have a sum and a count that agrees. */
const char *prom_check(struct span text);

/* The value of the series, written as in the text without the value ("name" or "name{…}"); SPAN_EMPTY
 * where there is none. */
struct span prom_value(struct span text, const char *series);

#endif
