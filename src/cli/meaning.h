/* cli/meaning.h
 *
 * Purpose    The flags that say what manifests mean, shared by run, check, routes and explain.
 * Ownership  Texts borrow from argv. */
#ifndef YETT_CLI_MEANING_H
#define YETT_CLI_MEANING_H

#include "cli/options.h"
#include "ingress/compile.h"

struct meaning_flags {
    struct span watch_namespace;
    struct span ingress_class, controller_class, annotations_prefix;
    bool class_by_name, watch_without_class, disable_catch_all, enable_ssl_passthrough;
    struct ingress_object_name config_map, default_certificate, default_backend;
    struct ingress_object_name ticket_keys;
    struct ingress_object_name tcp_services, udp_services;
};

/* Rows of an option table whose target has a struct meaning_flags named `meaning`. */
#define MEANING_OPTIONS(target)                                                                   \
    OPTION_HEADING("Which Ingresses are ours"),                                                   \
        OPTION_FLAG(target, "ingress-class", TEXT, meaning.ingress_class, "NAME",                 \
                    "Value of the annotation kubernetes.io/ingress.class that is ours (yett)."),  \
        OPTION_FLAG(target, "controller-class", TEXT, meaning.controller_class, "NAME",           \
                    "spec.controller of the IngressClasses that are ours "                        \
                    "(yett.dev/ingress-controller)."),                                            \
        OPTION_FLAG(target, "ingress-class-by-name", BOOL, meaning.class_by_name, NULL,           \
                    "The IngressClass named as --ingress-class says is ours whatever its "        \
                    "controller."),                                                               \
        OPTION_FLAG(target, "watch-ingress-without-class", BOOL, meaning.watch_without_class,     \
                    NULL, "An Ingress that names no class is ours."),                             \
        OPTION_FLAG(target, "disable-catch-all", BOOL, meaning.disable_catch_all, NULL,           \
                    "Pass over Ingresses with a spec.defaultBackend."),                           \
        OPTION_FLAG(target, "watch-namespace", TEXT, meaning.watch_namespace, "NAMESPACE",        \
                    "Look at this namespace only (all)."),                                        \
        OPTION_HEADING("What they mean"),                                                         \
        OPTION_FLAG(target, "configmap", OBJECT, meaning.config_map, "NAMESPACE/NAME",            \
                    "Settings for all routes."),                                                  \
        OPTION_FLAG(target, "default-ssl-certificate", OBJECT, meaning.default_certificate,       \
                    "NAMESPACE/NAME",                                                             \
                    "Secret whose certificate is shown where no other fits (a generated one)."),  \
        OPTION_FLAG(target, "session-ticket-secret", OBJECT, meaning.ticket_keys,                 \
                    "NAMESPACE/NAME",                                                             \
                    "Secret whose values are keys of session tickets, the one with the last "     \
                    "name first (made ones): replicas that share it resume sessions."),           \
        OPTION_FLAG(target, "default-backend-service", OBJECT, meaning.default_backend,           \
                    "NAMESPACE/NAME",                                                             \
                    "Service for what no rule takes, at its first port (a built-in 404)."),       \
        OPTION_FLAG(target, "tcp-services-configmap", OBJECT, meaning.tcp_services,               \
                    "NAMESPACE/NAME",                                                             \
                    "TCP ports, and the ports of Services that connections to them go to."),      \
        OPTION_FLAG(target, "udp-services-configmap", OBJECT, meaning.udp_services,               \
                    "NAMESPACE/NAME", "UDP ports, likewise."),                                    \
        OPTION_FLAG(target, "enable-ssl-passthrough", BOOL, meaning.enable_ssl_passthrough, NULL, \
                    "Pass TLS undecrypted on for hosts that ask for it."),                        \
        OPTION_FLAG(target, "annotations-prefix", TEXT, meaning.annotations_prefix, "PREFIX",     \
                    "Prefix of the annotations that are read (nginx.ingress.kubernetes.io).")

/* yett's own classes, or those that ingress-nginx has where its flags do not say otherwise. */
struct meaning_flags meaning_flags_default(bool as_ingress_nginx);

/* For a directory of manifests, as of now. */
struct ingress_options meaning_options(const struct meaning_flags *flags);

/* True where any of the flags that choose Ingresses by class differs from the default. */
bool meaning_names_class(const struct meaning_flags *flags);

#endif
