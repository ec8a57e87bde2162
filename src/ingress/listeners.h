/* ingress/listeners.h
 *
 * Purpose    TCP and UDP Services, as the ConfigMaps of --tcp-services-configmap and --udp-services-configmap
 *            list them → listeners of the model, and diagnostics.
 * Roles      The ingress room.
 * Limits     ROUTE_LISTENERS_MAX listeners; those left out are of UDP first, then those with the highest ports. */
#ifndef YETT_INGRESS_LISTENERS_H
#define YETT_INGRESS_LISTENERS_H

#include "ingress/compiler.h"

void ingress_listeners_read(struct compiler *c);

#endif
