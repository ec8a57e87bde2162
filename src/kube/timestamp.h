/* kube/timestamp.h
 *
 * Purpose    RFC 3339 times ("2026-01-31T23:59:59Z") as Unix time.
 * Units      Seconds; fractions are cut off. */
#ifndef YETT_KUBE_TIMESTAMP_H
#define YETT_KUBE_TIMESTAMP_H

#include <stdint.h>

#include "base/span.h"

YETT_MUST_USE bool kube_timestamp_parse(struct span text, int64_t *ret_unix_s);

#endif
