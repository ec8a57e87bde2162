#include "cli/meaning.h"

#include <time.h>

struct meaning_flags meaning_flags_default(bool as_ingress_nginx)
{
    const struct ingress_options meaning = ingress_options_default();

    return (struct meaning_flags){
        .ingress_class = as_ingress_nginx ? SPAN("nginx") : meaning.ingress_class,
        .controller_class =
            as_ingress_nginx ? SPAN("k8s.io/ingress-nginx") : meaning.controller_class,
        .annotations_prefix = meaning.annotations_prefix,
    };
}

struct ingress_options meaning_options(const struct meaning_flags *flags)
{
    struct ingress_options options = ingress_options_default();

    options.ingress_class = flags->ingress_class;
    options.controller_class = flags->controller_class;
    options.class_by_name = flags->class_by_name;
    options.watch_without_class = flags->watch_without_class;
    options.default_class_applies = true; /* no admission fills it in for manifests */
    options.disable_catch_all = flags->disable_catch_all;
    options.watch_namespace = flags->watch_namespace;
    options.annotations_prefix = flags->annotations_prefix;
    options.config_map = flags->config_map;
    options.default_certificate = flags->default_certificate;
    options.ticket_keys = flags->ticket_keys;
    options.default_backend = flags->default_backend;
    options.tcp_services = flags->tcp_services;
    options.udp_services = flags->udp_services;
    options.allows_passthrough = flags->enable_ssl_passthrough;
    options.now_s = time(NULL);
    return options;
}

bool meaning_names_class(const struct meaning_flags *flags)
{
    const struct meaning_flags usual = meaning_flags_default(false);

    return !span_eq(flags->ingress_class, usual.ingress_class) ||
           !span_eq(flags->controller_class, usual.controller_class) || flags->class_by_name ||
           flags->watch_without_class;
}
