/* control/prom.h
 *
 * Purpose    The Prometheus text format, 0.0.4: HELP and TYPE once per family, labels escaped,
 *            histograms cumulative.
 * Ownership  Writes to the caller's buf; keeps nothing.
 * See        https://prometheus.io/docs/instrumenting/exposition_formats/ */
#ifndef YETT_CONTROL_PROM_H
#define YETT_CONTROL_PROM_H

#include <stdint.h>

#include "base/buf.h"

enum prom_type { PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM };

void prom_family(struct buf *out, const char *name, enum prom_type type, const char *help);

/* Appends `name="value",` with the value escaped: the form in which labels are handed on below. */
void prom_label_append(struct buf *out, const char *name, struct span value);

/* `labels` as prom_label_append() wrote them, trailing comma and all; empty: none. */
void prom_u64(struct buf *out, const char *name, struct span labels, uint64_t value);
/* `value_us` microseconds, written as seconds. */
void prom_seconds(struct buf *out, const char *name, struct span labels, uint64_t value_us);

/* A histogram of durations: `buckets` are not cumulative; the last bound is UINT64_MAX for +Inf. */
void prom_histogram_us(struct buf *out, const char *name, struct span labels,
                       const uint64_t *bounds_us, const uint64_t *buckets, size_t buckets_len,
                       uint64_t sum_us);

#endif
