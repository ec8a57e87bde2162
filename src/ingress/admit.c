#include "ingress/admit.h"

#include "base/hash.h"
#include "ingress/class.h"
#include "ingress/compiler.h"
#include "ingress/merge.h"
#include "ingress/names.h"

/* What is compiled is a model of the hosts concerned, by the very steps of a whole compile: once with the
 * Ingress as it would be and once as it is. What only the second one has to say is news; and whose
 * rules a path has, the two models tell. */

/* Each costs a walk over all Services. */
enum { ADMIT_SUGGESTIONS = 2 };

struct admission {
    const struct kube_store *store;
    struct ingress_options options;
    const struct kube_object *after;
    struct arena scratch;
    struct map hosts;                       /* names → themselves, NUL-terminated */
    struct idmap known;                     /* of `others`, by address */
    VEC(const struct kube_object *) others; /* that have one of the hosts */
};

/* One of the two compilations. */
struct outcome {
    struct route_model *model;
    struct diag_list diags;
};

/* ---- which hosts, and whose ------------------------------------------------------------------ */

static bool host_read(struct admission *a, struct span text, struct span *ret_name)
{
    *ret_name = SPAN_EMPTY;
    return span_is_empty(text) || ingress_host_parse(text, &a->scratch, ret_name) == HOST_OK;
}

static void host_want(struct admission *a, struct span text)
{
    struct span name;

    if (!host_read(a, text, &name) || map_find(&a->hosts, name))
        return;
    name = arena_dup(&a->scratch, name);
    map_put(&a->hosts, name, (void *)name.ptr);
}

static bool has_catch_all(const struct kube_ingress *ingress)
{
    return ingress->rules_len == 0 && ingress->default_backend.kind != KUBE_BACKEND_NONE;
}

/* Those of spec.tls, too: whether a rule has them is asked about each. */
static void hosts_collect(struct admission *a)
{
    const struct kube_ingress *ingress = &a->after->ingress;

    for (size_t i = 0; i < ingress->rules_len; i++)
        host_want(a, ingress->rules[i].host.text);
    for (size_t i = 0; i < ingress->tls_len; i++) {
        for (size_t j = 0; j < ingress->tls[i].hosts_len; j++)
            host_want(a, ingress->tls[i].hosts[j].text);
    }
    if (has_catch_all(ingress))
        host_want(a, SPAN_EMPTY);
}

static bool has_capitals(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (ascii_lower(text.ptr[i]) != text.ptr[i])
            return true;
    }
    return false;
}

/* Asked of every host of the cluster: nearly all are written as they are compared. */
static bool is_wanted(struct admission *a, struct span text)
{
    struct span name = text;

    if (has_capitals(text) && !host_read(a, text, &name))
        return false;
    return map_find(&a->hosts, span_is_empty(name) ? SPAN_EMPTY : name) != NULL;
}

static bool shares_host(struct admission *a, const struct kube_ingress *ingress)
{
    for (size_t i = 0; i < ingress->rules_len; i++) {
        if (is_wanted(a, ingress->rules[i].host.text))
            return true;
    }
    return has_catch_all(ingress) && map_find(&a->hosts, SPAN_EMPTY);
}

static bool is_same_object(const struct kube_object *a, const struct kube_object *b)
{
    return span_eq(a->name, b->name) && span_eq(a->namespace, b->namespace);
}

static void other_add(struct admission *a, const struct kube_object *other)
{
    if (other && !is_same_object(other, a->after) &&
        !idmap_put(&a->known, (uint64_t)(uintptr_t)other, (void *)other))
        vec_push(&a->others, other);
}

static void others_of_model(struct admission *a, const struct route_model *model)
{
    const char *text;

    for (size_t at = 0; (text = map_next(&a->hosts, &at));) {
        const struct route_host *host = map_find(&model->hosts_by_name, span_from_str(text));
        for (const struct route_source *it = host ? host->sources : NULL; it; it = it->next)
            other_add(a, kube_store_find(a->store, KUBE_INGRESS, it->namespace, it->name));
    }
}

static void others_of_store(struct admission *a)
{
    const struct kube_object *other;

    for (size_t at = 0; (other = kube_store_next(a->store, KUBE_INGRESS, &at));) {
        if (shares_host(a, &other->ingress))
            other_add(a, other);
    }
}

/* ---- compiling ------------------------------------------------------------------------------- */

/* The hosts as they are with `own` (NULL: without any such Ingress). */
static void outcome_make(struct admission *a, const struct kube_object *own,
                         struct outcome *ret_outcome)
{
    struct compiler c = {
        .store = a->store,
        .options = &a->options,
        .model = route_model_new(),
        .diags = &ret_outcome->diags,
        .only = &a->hosts,
    };
    size_t len = a->others.len;

    diag_list_init(&ret_outcome->diags);
    compiler_init(&c);
    c.suggestions_left = ADMIT_SUGGESTIONS;
    const struct kube_object **all =
        arena_new_array(&c.scratch, const struct kube_object *, len + 1);
    for (size_t i = 0; i < len; i++)
        all[i] = a->others.items[i];
    if (own)
        all[len++] = own;
    compiler_take(&c, all, len);
    ingress_merge(&c);
    compiler_deinit(&c);
    ret_outcome->model = c.model;
}

static void outcome_deinit(struct outcome *outcome)
{
    route_model_free(outcome->model);
    diag_list_deinit(&outcome->diags);
}

/* ---- judging --------------------------------------------------------------------------------- */

/* True where the thing can never serve as written, whatever else is put into the cluster. */
static bool is_final(const struct diag *diag)
{
    switch (diag->code) {
    case DIAG_ANNOTATION_INVALID:
    case DIAG_ANNOTATION_REFUSED:
    case DIAG_DEFAULT_BACKEND_CONFLICT:
    case DIAG_CLIENT_AUTH_CONFLICT:
        return true;
    case DIAG_WRONG_TYPE:
    case DIAG_MISSING_FIELD:
    case DIAG_INVALID_VALUE:
    case DIAG_UNKNOWN_FIELD:
    case DIAG_HOST_INVALID:
    case DIAG_PATH_INVALID:
    case DIAG_RULE_CONFLICT:
    case DIAG_BACKEND_RESOURCE:
    case DIAG_ANNOTATION_UNSUPPORTED:
        return diag->severity == DIAG_ERROR;
    case DIAG_FILE_UNREADABLE:
    case DIAG_FILE_TOO_LARGE:
    case DIAG_SYNTAX:
    case DIAG_DUPLICATE_KEY:
    case DIAG_TOO_DEEP:
    case DIAG_NOT_AN_OBJECT:
    case DIAG_OUTDATED_API:
    case DIAG_DUPLICATE_OBJECT:
    case DIAG_CLASS_MISSING:
    case DIAG_CLASS_TWO_DEFAULTS:
    case DIAG_CLASS_BOTH_WAYS:
    case DIAG_PATH_LOOKS_LIKE_REGEX:
    case DIAG_SERVICE_MISSING:
    case DIAG_SERVICE_PORT_MISSING:
    case DIAG_SERVICE_NO_ENDPOINTS:
    case DIAG_EXTERNAL_NAME_INVALID:
    case DIAG_TLS_SECRET_MISSING:
    case DIAG_TLS_SECRET_INVALID:
    case DIAG_TLS_SECRET_UNREADABLE:
    case DIAG_API_FORBIDDEN:
    case DIAG_PORT_UNAVAILABLE:
    case DIAG_TLS_HOST_NOT_COVERED:
    case DIAG_TLS_CERTIFICATE_EXPIRED:
    case DIAG_TLS_CERTIFICATE_EXPIRES:
    case DIAG_TLS_HOST_WITHOUT_RULE:
    case DIAG_ANNOTATION_UNKNOWN:
    case DIAG_CONFIG_KEY_UNKNOWN:
    case DIAG_CONFIG_KEY_UNSUPPORTED:
    case DIAG_CONFIG_VALUE_INVALID:
    case DIAG_LISTENER_INVALID:
    case DIAG_TLS_SECOND_CERTIFICATE:
    case DIAG_SECRET_OF_OTHER_NAMESPACE:
    case DIAG_PASSTHROUGH_UNUSED:
    case DIAG_FLAG_OBJECT_MISSING:
    case DIAG_IMAGE_LIMIT:
    case DIAG_CODES_LEN:
        return false;
    }
    return false;
}

static bool is_about(const struct diag *diag, const struct kube_object *object)
{
    return span_eq(diag->kind, span_from_str(kube_kind_name(object->kind))) &&
           span_eq(diag->name, object->name) && span_eq(diag->namespace, object->namespace);
}

/* Rules move up and down in their list, so the field says nothing; the message names what it means. Two that
 * are taken for one because somebody forged it harm nobody but him. */
static uint64_t diag_id(const struct diag *diag)
{
    return hash_combine(hash_bytes(diag->message, 0), diag->code);
}

static void said_collect(const struct admission *a, const struct diag_list *before,
                         struct idmap *said)
{
    vec_for_each (diag, &before->diags) {
        if (is_about(diag, a->after))
            idmap_put(said, diag_id(diag), diag);
    }
}

static void diags_judge(const struct admission *a, const struct diag_list *before,
                        const struct diag_list *after, struct ingress_verdict *verdict)
{
    struct idmap said = { 0 };

    said_collect(a, before, &said);
    vec_for_each (diag, &after->diags) {
        if (diag->severity == DIAG_NOTE || !is_about(diag, a->after))
            continue;
        bool is_refused = is_final(diag) && !idmap_find(&said, diag_id(diag));
        diag_add(is_refused ? &verdict->refused : &verdict->warned, diag);
    }
    idmap_deinit(&said);
}

static bool is_of(const struct route_rule *rule, const struct kube_object *object)
{
    return span_eq(rule->ingress, object->name) && span_eq(rule->namespace, object->namespace);
}

static bool is_default_backend(const struct route_rule *rule)
{
    return span_eq(rule->origin.field, SPAN("spec.defaultBackend"));
}

static uint64_t path_id(const struct route_path *path)
{
    return hash_combine(hash_bytes(path->path, 0), path->kind);
}

/* Paths of the host as it was, by path_id(). */
static void paths_collect(const struct route_model *model, struct span host_name,
                          struct idmap *paths)
{
    const struct route_host *host = map_find(&model->hosts_by_name, host_name);

    if (!host)
        return;
    vec_for_each (path, &host->paths)
        idmap_put(paths, path_id(*path), *path);
}

/* What a default backend had, it had for want of a rule. */
static bool is_taken_over(const struct admission *a, const struct route_rule *had,
                          const struct route_rule *has)
{
    return is_of(has, a->after) && !is_of(had, a->after) &&
           (!is_default_backend(had) || is_default_backend(has));
}

static void takeover_report(const struct admission *a, const struct route_host *host,
                            const struct route_rule *had, const struct route_rule *has,
                            struct ingress_verdict *verdict)
{
    ingress_report(&verdict->refused, DIAG_ERROR, DIAG_RULE_CONFLICT,
                   place_of(a->after, has->origin.field, (struct kube_pos){ 0 }),
                   SPAN("give it another host or path, or remove that of the other Ingress first"),
                   "host '" SPAN_FMT "' path '" SPAN_FMT "' would be taken from Ingress " SPAN_FMT
                   "/" SPAN_FMT ", which has it now",
                   SPAN_ARG(span_is_empty(host->name) ? SPAN("(any)") : host->name),
                   SPAN_ARG(has->path), SPAN_ARG(had->namespace), SPAN_ARG(had->ingress));
}

static void host_judge(const struct admission *a, const struct route_host *host,
                       const struct idmap *before, struct ingress_verdict *verdict)
{
    vec_for_each (path, &host->paths) {
        const struct route_path *was = idmap_find(before, path_id(*path));

        if (!was || was->rules.len == 0 || (*path)->rules.len == 0)
            continue;
        const struct route_rule *had = was->rules.items[0], *has = (*path)->rules.items[0];
        if (is_taken_over(a, had, has))
            takeover_report(a, host, had, has, verdict);
    }
}

static void takeovers_judge(const struct admission *a, const struct route_model *before,
                            const struct route_model *after, struct ingress_verdict *verdict)
{
    vec_for_each (host, &after->hosts) {
        struct idmap paths = { 0 };

        paths_collect(before, (*host)->name, &paths);
        host_judge(a, *host, &paths, verdict);
        idmap_deinit(&paths);
    }
}

/* Under another prefix these do nothing, which is hardly what their author hopes for. */
static void prefix_judge(struct admission *a, const struct kube_object *before,
                         struct ingress_verdict *verdict)
{
    struct span usual = ingress_options_default().annotations_prefix;

    if (span_eq(a->options.annotations_prefix, usual))
        return;
    for (size_t i = 0; i < a->after->annotations.len; i++) {
        struct kube_text key = a->after->annotations.items[i].key;
        bool is_under = span_starts_with(key.text, usual) && key.text.len > usual.len &&
                        key.text.ptr[usual.len] == '/';
        if (!is_under)
            continue;
        bool was_there = before && kube_pairs_find(&before->annotations, key.text);
        ingress_report(was_there ? &verdict->warned : &verdict->refused, DIAG_ERROR,
                       DIAG_ANNOTATION_UNKNOWN,
                       place_of(a->after, SPAN("metadata.annotations"), key.pos),
                       arena_printf(&a->scratch, "write " SPAN_FMT SPAN_FMT,
                                    SPAN_ARG(a->options.annotations_prefix),
                                    SPAN_ARG(span_from(key.text, usual.len))),
                       "annotations have another prefix here; '" SPAN_FMT "' does nothing",
                       SPAN_ARG(key.text));
    }
}

/* ---- all of it ------------------------------------------------------------------------------- */

static bool is_ours(struct admission *a)
{
    struct diag_list diags;

    diag_list_init(&diags);
    struct ingress_classes classes = ingress_classes_read(a->store, &a->options, &diags);
    bool result = ingress_is_ours(&classes, a->after, &diags);
    diag_list_deinit(&diags);
    return result;
}

static const struct kube_object *ingress_in(const struct kube_bundle *bundle)
{
    bool is_one =
        bundle && bundle->objects.len > 0 && bundle->objects.items[0].kind == KUBE_INGRESS;

    return is_one ? &bundle->objects.items[0] : NULL;
}

static void judge(struct admission *a, const struct route_model *model,
                  const struct kube_bundle *before, const struct kube_bundle *after,
                  struct ingress_verdict *verdict)
{
    static const struct diag_list none;
    struct outcome was, is;

    hosts_collect(a);
    if (model)
        others_of_model(a, model);
    else
        others_of_store(a);
    outcome_make(a, ingress_in(before), &was);
    outcome_make(a, a->after, &is);
    diags_judge(a, before ? &before->diags : &none, &after->diags, verdict);
    diags_judge(a, &was.diags, &is.diags, verdict);
    takeovers_judge(a, was.model, is.model, verdict);
    prefix_judge(a, ingress_in(before), verdict);
    outcome_deinit(&was);
    outcome_deinit(&is);
}

void ingress_admit(const struct kube_store *store, const struct ingress_options *options,
                   const struct route_model *model, const struct kube_bundle *before,
                   const struct kube_bundle *after, struct ingress_verdict *ret_verdict)
{
    struct admission a = { .store = store, .options = *options, .after = ingress_in(after) };

    a.options.cache = NULL; /* what it learns of is not there yet */
    diag_list_init(&ret_verdict->refused);
    diag_list_init(&ret_verdict->warned);
    arena_init(&a.scratch, 64 << 10);
    ret_verdict->is_ours = a.after && is_ours(&a);
    if (ret_verdict->is_ours)
        judge(&a, model, before, after, ret_verdict);
    vec_deinit(&a.others);
    idmap_deinit(&a.known);
    map_deinit(&a.hosts);
    arena_deinit(&a.scratch);
}

void ingress_verdict_deinit(struct ingress_verdict *verdict)
{
    diag_list_deinit(&verdict->refused);
    diag_list_deinit(&verdict->warned);
}
