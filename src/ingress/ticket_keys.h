/* ingress/ticket_keys.h
 *
 * Purpose    What session tickets are protected by: the keys of a Secret, that of the ConfigMap, or those
 *            that the gate made for itself.
 * Roles      The ingress room only.
 * See        docs/tls.md, "Resumption" */
#ifndef YETT_INGRESS_TICKET_KEYS_H
#define YETT_INGRESS_TICKET_KEYS_H

#include "ingress/compiler.h"

/* Fills model->ticket_keys, newest first. A Secret's are ordered by their names, the last one first, so that
 * a name with a date rotates them; the ConfigMap's stands behind them. Where neither has any, the made ones. */
void ingress_ticket_keys(struct compiler *c);

#endif
