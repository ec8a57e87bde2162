/* ingress/passthrough.h
 *
 * Purpose    Which hosts' TLS goes to their Service undecrypted (ssl-passthrough).
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_PASSTHROUGH_H
#define YETT_INGRESS_PASSTHROUGH_H

#include "ingress/compiler.h"

/* For all hosts that are being compiled, when their rules are there: the Service of a host's "/" takes it. */
void ingress_passthrough_walk(struct compiler *c);

#endif
