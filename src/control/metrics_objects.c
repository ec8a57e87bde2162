/* What the objects themselves are worth an alert for: certificates that run out, Ingresses whose
 * Service is missing or has nobody behind it. */
#include "base/scope.h"
#include "control/metrics.h"
#include "control/prom.h"

#define PREFIX "nginx_ingress_controller_"

/* ---- certificates -----------------------------------------------------------------------------
 */

static void certificate_labels(const struct metrics_input *input, const struct route_host *host,
                               const struct route_certificate *certificate,
                               const struct tls_pair_facts *facts, struct buf *labels)
{
    const struct route_origin *origin = &certificate->origin;
    SCOPED(buf_deinit) struct buf identifier = { 0 };

    buf_printf(&identifier, "-" SPAN_FMT, SPAN_ARG(facts->serial_decimal));
    prom_label_append(labels, "namespace", origin->namespace);
    prom_label_append(labels, "class", input->class);
    prom_label_append(labels, "host", host->name);
    prom_label_append(labels, "secret_name", origin->name);
    prom_label_append(labels, "identifier", buf_span(&identifier));
}

static void certificate_write(const struct metrics_input *input, const struct route_host *host,
                              const struct route_certificate *certificate, struct buf *expiry,
                              struct buf *info)
{
    const struct tls_pair_facts *facts =
        certificate ? certificate_facts_get(input->certificates, certificate) : NULL;
    SCOPED(buf_deinit) struct buf labels = { 0 };

    if (!facts)
        return;
    certificate_labels(input, host, certificate, facts, &labels);
    prom_u64(expiry, PREFIX "ssl_expire_time_seconds", buf_span(&labels),
             (uint64_t)MAX(facts->not_after_s, (int64_t)0));
    prom_label_append(&labels, "issuer_organization", facts->issuer_o);
    prom_label_append(&labels, "issuer_common_name", facts->issuer_cn);
    prom_label_append(&labels, "serial_number", facts->serial_decimal);
    prom_label_append(&labels, "public_key_algorithm", span_from_str(facts->key_algorithm));
    prom_u64(info, PREFIX "ssl_certificate_info", buf_span(&labels), 1);
}

static void certificates_write(const struct metrics_input *input, const struct route_model *model,
                               struct buf *out)
{
    SCOPED(buf_deinit) struct buf expiry = { 0 };
    SCOPED(buf_deinit) struct buf info = { 0 };

    vec_for_each (host, &model->hosts) {
        certificate_write(input, *host, (*host)->certificate, &expiry, &info);
        certificate_write(input, *host, (*host)->other_certificate, &expiry, &info);
    }
    certificate_facts_sweep(input->certificates);
    prom_family(out, PREFIX "ssl_expire_time_seconds", PROM_GAUGE,
                "Unix time at which a host's certificate runs out.");
    buf_append(out, buf_span(&expiry));
    prom_family(out, PREFIX "ssl_certificate_info", PROM_GAUGE,
                "Always 1; a host's certificate is in the labels.");
    buf_append(out, buf_span(&info));
}

/* ---- orphans ----------------------------------------------------------------------------------
 */

struct orphan {
    struct span namespace, ingress;
    bool has_no_service, has_no_endpoint;
};

struct orphans {
    struct arena arena;
    struct map by_name;
    VEC(struct orphan *) in_order;
};

static struct orphan *orphan_get(struct orphans *orphans, struct span namespace,
                                 struct span ingress)
{
    struct span key = arena_printf(&orphans->arena, SPAN_FMT "/" SPAN_FMT, SPAN_ARG(namespace),
                                   SPAN_ARG(ingress));
    struct orphan *orphan = map_find(&orphans->by_name, key);

    if (orphan)
        return orphan;
    orphan = arena_new(&orphans->arena, struct orphan);
    orphan->namespace = namespace;
    orphan->ingress = ingress;
    map_put(&orphans->by_name, key, orphan);
    vec_push(&orphans->in_order, orphan);
    return orphan;
}

static void rule_note(struct orphans *orphans, const struct route_rule *rule)
{
    struct orphan *orphan = orphan_get(orphans, rule->namespace, rule->ingress);

    for (size_t i = 0; i < rule->backends_len; i++)
        orphan->has_no_endpoint |= rule->backends[i].service->endpoints_len == 0;
}

static void model_note(struct orphans *orphans, const struct route_model *model)
{
    vec_for_each (host, &model->hosts) {
        vec_for_each (path, &(*host)->paths) {
            vec_for_each (rule, &(*path)->rules)
                rule_note(orphans, *rule);
        }
    }
}

static void diags_note(struct orphans *orphans, const struct diag_list *diags)
{
    vec_for_each (diag, &diags->diags) {
        if (diag->code == DIAG_SERVICE_MISSING && span_eq(diag->kind, SPAN("Ingress")))
            orphan_get(orphans, diag->namespace, diag->name)->has_no_service = true;
    }
}

static void orphan_write(const struct orphan *orphan, struct span common, const char *type,
                         bool value, struct buf *out)
{
    SCOPED(buf_deinit) struct buf labels = { 0 };

    buf_append(&labels, common);
    prom_label_append(&labels, "namespace", orphan->namespace);
    prom_label_append(&labels, "ingress", orphan->ingress);
    prom_label_append(&labels, "type", span_from_str(type));
    prom_u64(out, PREFIX "orphan_ingress", buf_span(&labels), value);
}

static void orphans_write(const struct metrics_input *input, const struct route_model *model,
                          struct span common, struct buf *out)
{
    struct orphans orphans = { 0 };

    arena_init(&orphans.arena, 16384);
    model_note(&orphans, model);
    diags_note(&orphans, reconcile_diags(input->reconcile));
    prom_family(out, PREFIX "orphan_ingress", PROM_GAUGE,
                "1 where a Service of the Ingress is missing or has no endpoint.");
    vec_for_each (orphan, &orphans.in_order) {
        orphan_write(*orphan, common, "no-service", (*orphan)->has_no_service, out);
        orphan_write(*orphan, common, "no-endpoint",
                     (*orphan)->has_no_endpoint && !(*orphan)->has_no_service, out);
    }
    vec_deinit(&orphans.in_order);
    map_deinit(&orphans.by_name);
    arena_deinit(&orphans.arena);
}

void metrics_write_objects(const struct metrics_input *input, struct span common, struct buf *out)
{
    const struct route_model *model = reconcile_model(input->reconcile);

    if (!model)
        return;
    certificates_write(input, model, out);
    orphans_write(input, model, common, out);
}
