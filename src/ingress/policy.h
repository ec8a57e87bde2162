/* ingress/policy.h
 *
 * Purpose    The settings that both the ConfigMap (for all) and annotations (for one Ingress) spell,
 *            with one grammar for both.
 * Roles      The ingress room. */
#ifndef YETT_INGRESS_POLICY_H
#define YETT_INGRESS_POLICY_H

#include "route/model.h"

enum policy_field {
    POLICY_BODY_BYTES,
    POLICY_CONNECT_TIMEOUT,
    POLICY_READ_TIMEOUT,
    POLICY_SEND_TIMEOUT,
    POLICY_RETRY_ON,
    POLICY_RETRY_TRIES,
    POLICY_RETRY_TIMEOUT,
};

enum policy_result {
    POLICY_OK = 0,
    POLICY_INVALID, /* not of the field's grammar; nothing was changed */
    POLICY_PARTLY,  /* retry conditions: those that the gate does not know were left out */
};

enum {
    POLICY_SECONDS_MAX = 30 * 24 * 3600, /* fits 32 bits of milliseconds; nobody waits longer */
    POLICY_TRIES_MAX = 16, /* stands for 0, "no limit": endless tries would feed an outage */
};

/* Sets one field from text; see the two tables for the grammar's names. */
YETT_MUST_USE int ingress_policy_set(struct route_policy *policy, enum policy_field field,
                                     struct span text);
/* What the field wants, for diagnostics: "a number of seconds from 1, without unit". */
const char *ingress_policy_grammar(enum policy_field field);

/* "TLSv1.2", "TLSv1.3" or both, with spaces between → enum route_tls_version, or-ed; 0: neither. Calls `on_unknown`
 * for each other word. */
uint32_t ingress_tls_versions(struct span text, void (*on_unknown)(void *ctx, struct span word),
                              void *ctx);

/* Whole seconds from `min`, without a unit, as milliseconds. */
YETT_MUST_USE bool ingress_seconds_parse(struct span text, uint32_t min, uint32_t *ret_ms);

#endif
