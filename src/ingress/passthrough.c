#include "ingress/passthrough.h"

#include "ingress/client_auth.h"

/* Any Ingress of a host enables it, as in ingress-nginx, and then it holds for all of the host: what goes by
 * undecrypted cannot be told apart by its path. So nobody may switch off by it what another Ingress of the host asks
 * of clients. */

static void passthrough_report(struct compiler *c, const struct owned *owned, struct span mend,
                               struct span what)
{
    ingress_report(
        c->diags, DIAG_WARNING, DIAG_PASSTHROUGH_UNUSED,
        ingress_annotation_place(owned->object, owned->annotations.passthrough, &c->scratch), mend,
        SPAN_FMT "; TLS is terminated here", SPAN_ARG(what));
}

/* The rule for "/", or NULL. */
static const struct route_rule *root_rule(const struct route_host *host)
{
    vec_for_each (path, &host->paths) {
        if ((*path)->kind == ROUTE_PATH_PREFIX && (*path)->path.len == 0 && (*path)->rules.len > 0)
            return (*path)->rules.items[0];
    }
    return NULL;
}

/* As its author has been told: it answers 503, and so the host does over TLS. */
static bool is_denied(const struct route_rule *rule)
{
    return rule->filters_len > 0 && rule->filters[0].kind == ROUTE_FILTER_RESPOND;
}

static void guarded_report(struct compiler *c, const struct owned *owned,
                           const struct route_host *host, const struct owned *guard)
{
    struct span what = arena_printf(
        &c->scratch,
        "Ingress " SPAN_FMT "/" SPAN_FMT " asks clients of '" SPAN_FMT "' for certificates",
        SPAN_ARG(guard->namespace), SPAN_ARG(guard->name), SPAN_ARG(host->name));

    passthrough_report(c, owned,
                       SPAN("let the backend ask for them, and remove auth-tls-* from the other "
                            "Ingress; or do not pass TLS through"),
                       what);
    ingress_report(c->diags, DIAG_WARNING, DIAG_PASSTHROUGH_UNUSED,
                   ingress_client_auth_place(c, guard),
                   SPAN("remove ssl-passthrough from the other Ingress; or let the backend ask for "
                        "certificates, and remove auth-tls-* here"),
                   "Ingress " SPAN_FMT "/" SPAN_FMT " asks to pass TLS of '" SPAN_FMT
                   "' through, where no client could be checked; TLS is terminated here",
                   SPAN_ARG(owned->namespace), SPAN_ARG(owned->name), SPAN_ARG(host->name));
}

static void host_pass(struct compiler *c, const struct owned *owned, struct route_host *host)
{
    const struct owned *guard = compiler_host_facts(c, host)->guarded_by;
    const struct route_rule *root = root_rule(host);

    if (host->passthrough)
        return;
    if (span_is_empty(host->name))
        passthrough_report(c, owned, SPAN("name the host: TLS says nothing else of where it goes"),
                           SPAN("a rule without a host cannot be passed through"));
    else if (guard)
        guarded_report(c, owned, host, guard);
    else if (!root || root->backends_len == 0)
        passthrough_report(c, owned, SPAN("add a rule for the path /: its Service gets it all"),
                           SPAN("the host has no rule for / to be passed through to"));
    else if (!is_denied(root))
        route_host_set_passthrough(c->model, host, root->backends[0].service);
}

static void owned_walk(struct compiler *c, const struct owned *owned)
{
    if (!c->options->allows_passthrough) {
        passthrough_report(c, owned, SPAN("run with --enable-ssl-passthrough"),
                           SPAN("ssl-passthrough is not enabled"));
        return;
    }
    for (size_t i = 0; i < owned->object->ingress.rules_len; i++) {
        if (owned->rule_hosts[i])
            host_pass(c, owned, owned->rule_hosts[i]);
    }
}

void ingress_passthrough_walk(struct compiler *c)
{
    vec_for_each (owned, &c->owned) {
        if (owned->annotations.passthrough && !owned->annotations.is_dropped)
            owned_walk(c, owned);
    }
}
