/* cli/names.h
 *
 * Purpose    The name under which a migrated Deployment starts us: flags then have ingress-nginx's
 *            defaults.
 * See        docs/compatibility.md */
#ifndef YETT_CLI_NAMES_H
#define YETT_CLI_NAMES_H

#include "base/span.h"

/* `word` is nginx-ingress-controller, with any path before it. */
static inline bool names_are_ingress_nginx(const char *word)
{
    struct span name = span_from_str(word);
    size_t slash = span_rfind(name, '/');

    if (slash != SPAN_NOT_FOUND)
        name = span_from(name, slash + 1);
    return span_eq(name, SPAN("nginx-ingress-controller"));
}

#endif
