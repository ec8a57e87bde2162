#include "ingress/diagnose.h"

#include "base/scope.h"
#include "ingress/compiler.h"
#include "ingress/listeners.h"
#include "ingress/merge.h"
#include "ingress/names.h"
#include "ingress/ticket_keys.h"
#include "ingress/tls.h"

/* What is wrong with an Ingress shows when all its hosts are compiled, each from all Ingresses that have it.
 * So a step compiles the hosts of some into a model that is thrown away, by the steps of a whole compile, and
 * keeps what was said about these Ingresses. Others that came along with all of their hosts are done with,
 * too: so a host that thousands share is compiled once. */

struct ingress_name {
    struct span namespace, name;
};

struct ingress_diagnosis {
    struct arena names;
    VEC(struct ingress_name) all; /* in merge order, in which the first is told what is told once */
    size_t next;
    struct idmap done; /* out of their turn */
    struct idmap told;
    size_t suggestions_left;
};

struct step {
    struct compiler c;
    struct ingress_diagnosis *diagnosis;
    struct map hosts;       /* names → themselves */
    VEC(struct span) named; /* the same, as a list */
    VEC(const struct kube_object *) ingresses;
    struct idmap taken, complete; /* of them; of those whose hosts are all there */
};

static char present; /* what is stored in these maps is the key */

static uint64_t id_of(const struct kube_object *ingress)
{
    return compiler_told_id(KUBE_INGRESS, ingress->namespace, ingress->name);
}

/* ---- from start to end ------------------------------------------------------------------------- */

static void compiler_begin(struct compiler *c, struct ingress_diagnosis *diagnosis)
{
    compiler_init(c);
    c->told = diagnosis->told;
    c->suggestions_left = diagnosis->suggestions_left;
}

static void compiler_end(struct compiler *c, struct ingress_diagnosis *diagnosis)
{
    diagnosis->told = c->told;
    diagnosis->suggestions_left = c->suggestions_left;
    c->told = (struct idmap){ 0 };
    compiler_deinit(c);
    route_model_free(c->model);
}

static void names_keep(struct ingress_diagnosis *diagnosis, struct compiler *c)
{
    size_t len = kube_store_len(c->store, KUBE_INGRESS), count = 0;
    const struct kube_object **all = arena_new_array(&c->scratch, const struct kube_object *, len);
    const struct kube_object *object;

    for (size_t cursor = 0; (object = kube_store_next(c->store, KUBE_INGRESS, &cursor));)
        all[count++] = object;
    compiler_sort(all, count);
    for (size_t i = 0; i < count; i++) {
        struct ingress_name name = { arena_dup(&diagnosis->names, all[i]->namespace),
                                     arena_dup(&diagnosis->names, all[i]->name) };
        vec_push(&diagnosis->all, name);
    }
}

struct ingress_diagnosis *ingress_diagnosis_new(const struct kube_store *store,
                                                const struct ingress_options *options,
                                                struct diag_list *diags)
{
    struct ingress_diagnosis *diagnosis = mem_alloc_zero(sizeof(*diagnosis));
    const struct map no_hosts = { 0 };
    struct compiler c = { .store = store,
                          .options = options,
                          .model = route_model_new(),
                          .diags = diags,
                          .only = &no_hosts };

    arena_init(&diagnosis->names, 64 << 10);
    diagnosis->suggestions_left = COMPILER_SUGGESTIONS_MAX;
    compiler_begin(&c, diagnosis);
    compiler_take(&c, NULL, 0);
    ingress_tls_default(&c);
    ingress_tls_dh(&c);
    ingress_ticket_keys(&c);
    ingress_default_rule(&c);
    ingress_listeners_read(&c);
    names_keep(diagnosis, &c);
    compiler_end(&c, diagnosis);
    return diagnosis;
}

struct ingress_diagnosis *ingress_diagnosis_free(struct ingress_diagnosis *diagnosis)
{
    if (!diagnosis)
        return NULL;
    vec_deinit(&diagnosis->all);
    idmap_deinit(&diagnosis->done);
    idmap_deinit(&diagnosis->told);
    arena_deinit(&diagnosis->names);
    return mem_free(diagnosis);
}

/* ---- which hosts, and whose -------------------------------------------------------------------- */

static bool host_read(struct step *step, struct span text, struct span *ret_name)
{
    *ret_name = SPAN_EMPTY;
    return span_is_empty(text) || ingress_host_parse(text, &step->c.scratch, ret_name) == HOST_OK;
}

/* Calls `visit` for each host of the Ingress, those of spec.tls too, until it returns false. */
static bool hosts_visit(struct step *step, const struct kube_ingress *ingress,
                        bool (*visit)(struct step *step, struct span host))
{
    struct span name;

    for (size_t i = 0; i < ingress->rules_len; i++) {
        if (host_read(step, ingress->rules[i].host.text, &name) && !visit(step, name))
            return false;
    }
    for (size_t i = 0; i < ingress->tls_len; i++) {
        for (size_t j = 0; j < ingress->tls[i].hosts_len; j++) {
            if (host_read(step, ingress->tls[i].hosts[j].text, &name) && !visit(step, name))
                return false;
        }
    }
    return ingress->rules_len > 0 || ingress->default_backend.kind == KUBE_BACKEND_NONE ||
           visit(step, SPAN_EMPTY);
}

static bool host_want(struct step *step, struct span name)
{
    if (!map_find(&step->hosts, name)) {
        map_put(&step->hosts, name, &present);
        vec_push(&step->named, name);
    }
    return true;
}

static bool host_is_wanted(struct step *step, struct span name)
{
    return map_find(&step->hosts, name) != NULL;
}

static void ingress_take(struct step *step, const struct kube_object *ingress)
{
    if (ingress && !idmap_put(&step->taken, id_of(ingress), &present))
        vec_push(&step->ingresses, ingress);
}

static void next_take(struct step *step)
{
    struct ingress_diagnosis *diagnosis = step->diagnosis;

    while (diagnosis->next < diagnosis->all.len && step->ingresses.len < INGRESS_DIAGNOSE_STEP) {
        const struct ingress_name *name = &diagnosis->all.items[diagnosis->next++];
        const struct kube_object *ingress =
            kube_store_find(step->c.store, KUBE_INGRESS, name->namespace, name->name);
        if (!ingress || idmap_find(&diagnosis->done, id_of(ingress)))
            continue;
        ingress_take(step, ingress);
        hosts_visit(step, &ingress->ingress, host_want);
    }
}

static void others_take(struct step *step, const struct route_model *model)
{
    vec_for_each (name, &step->named) {
        const struct route_host *host = map_find(&model->hosts_by_name, *name);
        for (const struct route_source *it = host ? host->sources : NULL; it; it = it->next)
            ingress_take(step,
                         kube_store_find(step->c.store, KUBE_INGRESS, it->namespace, it->name));
    }
}

static void complete_mark(struct step *step)
{
    vec_for_each (ingress, &step->ingresses) {
        uint64_t id = id_of(*ingress);
        if (idmap_find(&step->diagnosis->done, id) ||
            !hosts_visit(step, &(*ingress)->ingress, host_is_wanted))
            continue;
        idmap_put(&step->complete, id, &present);
        idmap_put(&step->diagnosis->done, id, &present);
    }
}

/* ---- a step ------------------------------------------------------------------------------------ */

static bool is_of_step(const struct step *step, const struct diag *diag)
{
    if (span_eq(diag->kind, span_from_str(kube_kind_name(KUBE_ENDPOINT_SLICE))))
        return true;
    return span_eq(diag->kind, span_from_str(kube_kind_name(KUBE_INGRESS))) &&
           idmap_find(&step->complete, compiler_told_id(KUBE_INGRESS, diag->namespace, diag->name));
}

static void step_compile(struct step *step, const struct route_model *model)
{
    others_take(step, model);
    complete_mark(step);
    compiler_take(&step->c, step->ingresses.items, step->ingresses.len);
    ingress_merge(&step->c);
}

bool ingress_diagnosis_step(struct ingress_diagnosis *diagnosis, const struct kube_store *store,
                            const struct ingress_options *options, const struct route_model *model,
                            struct diag_list *diags)
{
    SCOPED(diag_list_deinit) struct diag_list said;
    struct step step = {
        .c = { .store = store, .options = options, .model = route_model_new(), .diags = &said },
        .diagnosis = diagnosis,
    };

    step.c.only = &step.hosts;
    step.c.heard = &step.complete;
    diag_list_init(&said);
    compiler_begin(&step.c, diagnosis);
    next_take(&step);
    bool has_more = step.ingresses.len > 0;
    if (has_more)
        step_compile(&step, model);
    else if (options->cache)
        ingress_cache_end(options->cache); /* which was asked for every pair that there is */
    vec_for_each (diag, &said.diags) {
        if (is_of_step(&step, diag))
            diag_add(diags, diag);
    }
    compiler_end(&step.c, diagnosis);
    map_deinit(&step.hosts);
    vec_deinit(&step.named);
    vec_deinit(&step.ingresses);
    idmap_deinit(&step.taken);
    idmap_deinit(&step.complete);
    return has_more;
}
