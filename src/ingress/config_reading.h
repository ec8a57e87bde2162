/* ingress/config_reading.h
 *
 * Purpose    What the two files that read the ConfigMap share: config.c has the table of its keys,
 *            config_values.c the readers of values that have a grammar of their own.
 * Roles      config.c and config_values.c only. */
#ifndef YETT_INGRESS_CONFIG_READING_H
#define YETT_INGRESS_CONFIG_READING_H

#include "ingress/config.h"
#include "ingress/report.h"

/* Strict-Transport-Security, which several keys make up. */
struct config_hsts {
    bool is_on, includes_subdomains, preload;
    uint32_t max_age_s;
};

/* What is read: the result, and what is decided at the end. */
struct config_reading {
    struct ingress_config config;
    bool log_escape_json, log_escape_none, disable_access_log, disable_stream_access_log;
    struct config_hsts hsts;
    bool session_cache, session_tickets;
    struct arena *arena;
    struct ingress_cache *cache;
    struct diag_list *diags;
    const struct kube_object *object;
};

/* False: the value is not of the key's grammar, and nothing was changed. */
typedef bool config_read_fn(struct config_reading *reading, const struct kube_pair *pair);

config_read_fn config_read_forwarded_for_header;
config_read_fn config_read_trusted;
config_read_fn config_read_redirect_status;
config_read_fn config_read_no_redirect_paths;
config_read_fn config_read_log_format;
config_read_fn config_read_stream_log_format;
config_read_fn config_read_tls_versions;
config_read_fn config_read_tls_ciphers;
config_read_fn config_read_tls_groups;
config_read_fn config_read_dh_param;
config_read_fn config_read_ticket_key;
config_read_fn config_read_gzip_types;
config_read_fn config_read_gzip_disable;
config_read_fn config_read_brotli_types;

struct place config_pair_place(const struct config_reading *reading, const struct kube_pair *pair);

#endif
