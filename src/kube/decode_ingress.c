#include "kube/kinds.h"
#include "kube/load_balancer.h"

/* Ingress, in networking.k8s.io/v1 and in the two outdated forms. What is wrong inside a path costs
 * that path, inside a tls entry that entry: the rest of the Ingress is kept. A rule whose paths are
 * unusable keeps its host, so that its requests do not fall to somebody else's wildcard. */

static const char *const spec_known[] = { "ingressClassName", "defaultBackend", "tls", "rules",
                                          NULL };
static const char *const beta_spec_known[] = { "ingressClassName", "backend", "tls", "rules",
                                               NULL };
static const char *const rule_known[] = { "host", "http", NULL };
static const char *const http_known[] = { "paths", NULL };
static const char *const path_known[] = { "path", "pathType", "backend", NULL };
static const char *const tls_known[] = { "hosts", "secretName", NULL };

static const struct kube_misfit spec_misfits[] = {
    { "annotations", DIAG_WARNING, "move it below metadata: the controller looks nowhere else" },
    { "labels", DIAG_WARNING, "move it below metadata" },
    { "backend", DIAG_ERROR,
      "write defaultBackend: {service: {name: ..., port: {number: ...}}}, as v1 calls it" },
    { "paths", DIAG_WARNING, "put it into a rule: rules: [{http: {paths: ...}}]" },
    { "host", DIAG_WARNING, "put it into a rule: rules: [{host: ...}]" },
    { "serviceName", DIAG_WARNING, "put it into defaultBackend, or into the backend of a path" },
    { "servicePort", DIAG_WARNING, "put it into defaultBackend, or into the backend of a path" },
    { NULL },
};

static const struct kube_misfit beta_spec_misfits[] = {
    { "annotations", DIAG_WARNING, "move it below metadata: the controller looks nowhere else" },
    { "defaultBackend", DIAG_ERROR,
      "write apiVersion: networking.k8s.io/v1, which has this field" },
    { NULL },
};

static const struct kube_misfit rule_misfits[] = {
    { "hosts", DIAG_WARNING, "write one rule with host: ... for each host" },
    { "paths", DIAG_WARNING, "indent it below http" },
    { "hostname", DIAG_WARNING, "write host" },
    { NULL },
};

static const struct kube_misfit path_misfits[] = {
    { "serviceName", DIAG_WARNING, "write backend: {service: {name: ..., port: {number: ...}}}" },
    { "servicePort", DIAG_WARNING, "write backend: {service: {name: ..., port: {number: ...}}}" },
    { "service", DIAG_WARNING, "indent it below backend" },
    { "type", DIAG_WARNING, "write pathType" },
    { NULL },
};

static const char *const path_types[] = {
    [KUBE_PATH_EXACT] = "Exact",
    [KUBE_PATH_PREFIX] = "Prefix",
    [KUBE_PATH_IMPLEMENTATION_SPECIFIC] = "ImplementationSpecific",
    NULL,
};

/* Without one, v1 is refused by the API server; the meaning is plain, so the path is kept. */
static bool path_type_read(const struct kube_field *path, bool is_outdated, struct kube_path *ret)
{
    struct kube_field field = kube_field_get(path, "pathType");
    size_t type = KUBE_PATH_IMPLEMENTATION_SPECIFIC;

    if (!kube_field_is_set(&field) && !is_outdated)
        kube_field_report(
            &field, DIAG_ERROR, DIAG_MISSING_FIELD,
            SPAN("is missing, which v1 does not allow; read as ImplementationSpecific"),
            SPAN("add pathType: Prefix (or Exact) beside path"));
    if (!kube_field_word(&field, path_types, &type))
        return false;
    ret->type = (enum kube_path_type)type;
    return true;
}

static bool path_read(const struct kube_field *field, bool is_outdated, struct kube_path *ret_path)
{
    struct kube_path path = { .pos = field->pos, .index = (uint32_t)field->index };
    struct kube_field text = kube_field_get(field, "path");
    struct kube_field backend = kube_field_get(field, "backend");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write path:, pathType: and backend: here"))
        return false;
    kube_field_check_known(field, path_known, path_misfits);
    /* All three are read, so that one report tells of all that is wrong. */
    bool is_good = kube_field_text(&text, &path.path);
    is_good = path_type_read(field, is_outdated, &path) && is_good;
    is_good = kube_decode_backend(&backend, is_outdated, &path.backend) && is_good;
    if (is_good)
        *ret_path = path;
    return is_good;
}

static void paths_read(const struct kube_field *list, bool is_outdated, struct kube_rule *rule)
{
    if (!kube_field_require(list, KUBE_NODE_LIST, "begin each path with \"- path: ...\""))
        return;
    if (!list->node->len)
        kube_field_report(list, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is empty"),
                          SPAN("add a path, or remove http"));

    struct kube_path *paths =
        arena_new_array(&list->reader->bundle->arena, struct kube_path, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        rule->paths_len += path_read(&item, is_outdated, &paths[rule->paths_len]);
    }
    rule->paths = paths;
}

static void http_read(const struct kube_field *field, bool is_outdated, struct kube_rule *rule)
{
    struct kube_field http = kube_field_get(field, "http");
    struct kube_field paths = kube_field_get(&http, "paths");

    if (!kube_field_is_set(&http)) {
        kube_field_report(&http, DIAG_NOTE, DIAG_MISSING_FIELD,
                          SPAN("is missing: all requests for this host go to the default backend"),
                          SPAN("add http: {paths: [...]} if they shall go elsewhere"));
        return;
    }
    rule->has_http = true;
    if (!kube_field_expect(&http, KUBE_NODE_MAP, "write http: with paths: below it"))
        return;
    kube_field_check_known(&http, http_known, NULL);
    paths_read(&paths, is_outdated, rule);
}

static bool rule_read(const struct kube_field *field, bool is_outdated, struct kube_rule *ret_rule)
{
    struct kube_rule rule = { .pos = field->pos, .index = (uint32_t)field->index };
    struct kube_field host = kube_field_get(field, "host");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write host: and http: here"))
        return false;
    kube_field_check_known(field, rule_known, rule_misfits);
    if (!kube_field_text(&host, &rule.host))
        return false;
    http_read(field, is_outdated, &rule);
    *ret_rule = rule;
    return true;
}

static void rules_read(const struct kube_field *list, struct kube_ingress *ingress)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST, "begin each rule with \"- \": - host: ..."))
        return;
    struct kube_rule *rules =
        arena_new_array(&list->reader->bundle->arena, struct kube_rule, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        ingress->rules_len += rule_read(&item, ingress->is_outdated, &rules[ingress->rules_len]);
    }
    ingress->rules = rules;
}

static void tls_hosts_read(const struct kube_field *list, struct kube_tls *tls)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST, "begin each host with \"- \""))
        return;
    struct kube_text *hosts =
        arena_new_array(&list->reader->bundle->arena, struct kube_text, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        if (kube_field_require(&item, KUBE_NODE_STRING, "write a host name, in quotes if need be"))
            tls->hosts_len += kube_field_text(&item, &hosts[tls->hosts_len]);
    }
    tls->hosts = hosts;
}

static bool tls_entry_read(const struct kube_field *field, struct kube_tls *ret_tls)
{
    struct kube_tls tls = { .pos = field->pos, .index = (uint32_t)field->index };
    struct kube_field hosts = kube_field_get(field, "hosts");
    struct kube_field secret_name = kube_field_get(field, "secretName");

    if (!kube_field_require(field, KUBE_NODE_MAP, "write hosts: and secretName: here"))
        return false;
    kube_field_check_known(field, tls_known, NULL);
    if (!kube_field_text(&secret_name, &tls.secret_name))
        return false;
    tls_hosts_read(&hosts, &tls);
    *ret_tls = tls;
    return true;
}

static void tls_read(const struct kube_field *list, struct kube_ingress *ingress)
{
    if (!kube_field_expect(list, KUBE_NODE_LIST, "begin each entry with \"- \": - hosts: [...]"))
        return;
    struct kube_tls *tls =
        arena_new_array(&list->reader->bundle->arena, struct kube_tls, list->node->len);
    for (size_t i = 0; i < list->node->len; i++) {
        struct kube_field item = kube_field_item(list, i);
        ingress->tls_len += tls_entry_read(&item, &tls[ingress->tls_len]);
    }
    ingress->tls = tls;
}

/* Not its author's, so nothing of it is reported: what is no list of addresses is as good as none. */
static uint64_t load_balancer_read(const struct kube_field *root)
{
    struct kube_field status = kube_field_get(root, "status");
    struct kube_field balancer = kube_field_get(&status, "loadBalancer");
    struct kube_field list = kube_field_get(&balancer, "ingress");
    uint64_t hash = KUBE_LOAD_BALANCER_NONE;

    if (!kube_field_is_set(&list) || list.node->kind != KUBE_NODE_LIST)
        return hash;
    for (size_t i = 0; i < list.node->len; i++) {
        const struct kube_node *ip = kube_node_find(list.node->items[i], SPAN("ip"));
        const struct kube_node *name = kube_node_find(list.node->items[i], SPAN("hostname"));
        hash = kube_load_balancer_add(hash, ip ? ip->text : SPAN_EMPTY,
                                      name ? name->text : SPAN_EMPTY);
    }
    return hash;
}

bool kube_decode_ingress(const struct kube_field *root, struct kube_object *object)
{
    struct kube_ingress *ingress = &object->ingress;
    bool is_outdated = ingress->is_outdated;
    struct kube_field spec = kube_field_get(root, "spec");
    struct kube_field class_name = kube_field_get(&spec, "ingressClassName");
    struct kube_field backend = kube_field_get(&spec, is_outdated ? "backend" : "defaultBackend");
    struct kube_field tls = kube_field_get(&spec, "tls");
    struct kube_field rules = kube_field_get(&spec, "rules");

    if (!kube_field_require(&spec, KUBE_NODE_MAP, "add \"spec:\" with rules or a defaultBackend"))
        return false;
    kube_field_check_known(&spec, is_outdated ? beta_spec_known : spec_known,
                           is_outdated ? beta_spec_misfits : spec_misfits);
    /* Whose it is cannot be told then: better nobody's than the wrong one's. */
    if (!kube_field_text(&class_name, &ingress->class_name))
        return false;
    if (kube_field_is_set(&backend))
        (void)kube_decode_backend(&backend, is_outdated, &ingress->default_backend);
    tls_read(&tls, ingress);
    rules_read(&rules, ingress);
    ingress->load_balancer = load_balancer_read(root);
    return true;
}
