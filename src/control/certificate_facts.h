/* control/certificate_facts.h
 *
 * Purpose    What metrics say of certificates, read out of each once and not at every scrape.
 * Ownership  Owns copies of all texts; what is found borrows until the next sweep.
 * Lifetime   A zeroed struct is empty; certificate_facts_deinit() returns it to that.
 * Limits     The certificates of one model: what it has no more is forgotten by the sweep.
 * Roles      controller. */
#ifndef YETT_CONTROL_CERTIFICATE_FACTS_H
#define YETT_CONTROL_CERTIFICATE_FACTS_H

#include "base/map.h"
#include "route/model.h"
#include "tls/certificate.h"

struct certificate_facts {
    struct idmap by_id;
};

/* NULL where the pair is none. */
const struct tls_pair_facts *certificate_facts_get(struct certificate_facts *all,
                                                   const struct route_certificate *certificate);
/* Forgets those that were not asked for since the sweep before. */
void certificate_facts_sweep(struct certificate_facts *all);
void certificate_facts_deinit(struct certificate_facts *all);

#endif
