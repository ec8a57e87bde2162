#include "ingress/passthrough.h"

/* Any Ingress of a host enables it, as in ingress-nginx, and then it holds for all of the host: what goes by
 * undecrypted cannot be told apart by its path. */

static void passthrough_report(struct compiler *c, const struct owned *owned, struct span mend,
                               const char *what)
{
    ingress_report(
        c->diags, DIAG_WARNING, DIAG_PASSTHROUGH_UNUSED,
        ingress_annotation_place(owned->object, owned->annotations.passthrough, &c->scratch), mend,
        "%s; TLS is terminated here", what);
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

static void host_pass(struct compiler *c, const struct owned *owned, struct route_host *host)
{
    const struct route_rule *root = root_rule(host);

    if (host->passthrough)
        return;
    if (span_is_empty(host->name))
        passthrough_report(c, owned, SPAN("name the host: TLS says nothing else of where it goes"),
                           "a rule without a host cannot be passed through");
    else if (!root || root->backends_len == 0)
        passthrough_report(c, owned, SPAN("add a rule for the path /: its Service gets it all"),
                           "the host has no rule for / to be passed through to");
    else if (!is_denied(root))
        route_host_set_passthrough(c->model, host, root->backends[0].service);
}

static void owned_walk(struct compiler *c, const struct owned *owned)
{
    if (!c->options->allows_passthrough) {
        passthrough_report(c, owned, SPAN("run with --enable-ssl-passthrough"),
                           "ssl-passthrough is not enabled");
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
        if (owned->annotations.passthrough)
            owned_walk(c, owned);
    }
}
