#include "cli/rbac_roles.h"

#include <string.h>

#include "base/json.h"

#define RBAC_GROUP "rbac.authorization.k8s.io"

const char *const rbac_list_watch[] = { "list", "watch", NULL };
const char *const rbac_get_list_watch[] = { "get", "list", "watch", NULL };

void rbac_init(struct rbac *rbac)
{
    *rbac = (struct rbac){ 0 };
}

void rbac_deinit(struct rbac *rbac)
{
    vec_for_each (role, &rbac->roles) {
        vec_for_each (rule, &role->rules)
            vec_deinit(&rule->names);
        vec_deinit(&role->rules);
    }
    vec_deinit(&rbac->roles);
}

struct rbac_role *rbac_role_get(struct rbac *rbac, struct span namespace)
{
    vec_for_each (role, &rbac->roles) {
        if (span_eq(role->namespace, namespace))
            return role;
    }
    vec_push(&rbac->roles, ((struct rbac_role){ .namespace = namespace }));
    return vec_last(&rbac->roles);
}

struct rbac_rule *rbac_rule_add(struct rbac_role *role, const char *group, const char *resource,
                                const char *const *verbs)
{
    vec_push(&role->rules,
             ((struct rbac_rule){ .group = group, .resource = resource, .verbs = verbs }));
    return vec_last(&role->rules);
}

void rbac_name_add(struct rbac_role *role, const char *group, const char *resource,
                   const char *const *verbs, struct span name)
{
    struct rbac_rule *found = NULL;

    vec_for_each (rule, &role->rules) {
        if (rule->names.len > 0 && rule->verbs == verbs && strcmp(rule->resource, resource) == 0 &&
            strcmp(rule->group, group) == 0)
            found = rule;
    }
    if (!found)
        found = rbac_rule_add(role, group, resource, verbs);
    vec_push(&found->names, name);
}

static const char *kind_of(const struct rbac_role *role)
{
    return span_is_empty(role->namespace) ? "ClusterRole" : "Role";
}

/* ---- YAML -------------------------------------------------------------------------------------
 */

/* Names may look like numbers; between quotes they are none, and JSON's are YAML's. */
static void quoted(struct buf *out, struct span text)
{
    buf_append_byte(out, '"');
    buf_append_json(out, text);
    buf_append_byte(out, '"');
}

static void pair_yaml(struct buf *out, const char *indent, const char *key, struct span value)
{
    buf_printf(out, "%s%s: ", indent, key);
    quoted(out, value);
    buf_append_byte(out, '\n');
}

static void head_yaml(const struct rbac *rbac, const struct rbac_role *role, const char *suffix,
                      struct buf *out)
{
    buf_printf(out, "apiVersion: " RBAC_GROUP "/v1\nkind: %s%s\nmetadata:\n", kind_of(role),
               suffix);
    pair_yaml(out, "  ", "name", rbac->name);
    if (!span_is_empty(role->namespace))
        pair_yaml(out, "  ", "namespace", role->namespace);
    buf_printf(
        out,
        "  labels:\n    app.kubernetes.io/name: yett\n    app.kubernetes.io/component: " SPAN_FMT
        "\n",
        SPAN_ARG(rbac->component));
}

static void rule_yaml(const struct rbac_rule *rule, struct buf *out)
{
    buf_printf(out, "- apiGroups: [\"%s\"]\n  resources: [%s]\n", rule->group, rule->resource);
    if (rule->names.len > 0)
        buf_append(out, SPAN("  resourceNames:\n"));
    vec_for_each (name, &rule->names) {
        buf_append(out, SPAN("  - "));
        quoted(out, *name);
        buf_append_byte(out, '\n');
    }
    buf_append(out, SPAN("  verbs: ["));
    for (const char *const *verb = rule->verbs; *verb; verb++)
        buf_printf(out, "%s%s", verb == rule->verbs ? "" : ", ", *verb);
    buf_append(out, SPAN("]\n"));
}

static void binding_yaml(const struct rbac *rbac, const struct rbac_role *role, struct buf *out)
{
    head_yaml(rbac, role, "Binding", out);
    buf_printf(out, "roleRef:\n  apiGroup: " RBAC_GROUP "\n  kind: %s\n", kind_of(role));
    pair_yaml(out, "  ", "name", rbac->name);
    buf_append(out, SPAN("subjects:\n- kind: ServiceAccount\n"));
    pair_yaml(out, "  ", "name", rbac->account);
    pair_yaml(out, "  ", "namespace", rbac->namespace);
}

void rbac_write_yaml(const struct rbac *rbac, struct buf *out)
{
    vec_for_each (role, &rbac->roles) {
        if (role != rbac->roles.items)
            buf_append(out, SPAN("---\n"));
        head_yaml(rbac, role, "", out);
        buf_append(out, SPAN("rules:\n"));
        vec_for_each (rule, &role->rules)
            rule_yaml(rule, out);
        buf_append(out, SPAN("---\n"));
        binding_yaml(rbac, role, out);
    }
}

/* ---- JSON -------------------------------------------------------------------------------------
 */

static void head_json(const struct rbac *rbac, const struct rbac_role *role, const char *suffix,
                      struct buf *out)
{
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", SPAN(RBAC_GROUP "/v1"));
    json_key(out, "kind");
    buf_printf(out, "\"%s%s\"", kind_of(role), suffix);
    json_open(out, "metadata", '{');
    json_text(out, "name", rbac->name);
    if (!span_is_empty(role->namespace))
        json_text(out, "namespace", role->namespace);
    json_open(out, "labels", '{');
    json_text(out, "app.kubernetes.io/name", SPAN("yett"));
    json_text(out, "app.kubernetes.io/component", rbac->component);
    json_close(out, '}');
    json_close(out, '}');
}

static void rule_json(const struct rbac_rule *rule, struct buf *out)
{
    json_open(out, NULL, '{');
    json_open(out, "apiGroups", '[');
    json_text(out, NULL, span_from_str(rule->group));
    json_close(out, ']');
    json_open(out, "resources", '[');
    json_text(out, NULL, span_from_str(rule->resource));
    json_close(out, ']');
    if (rule->names.len > 0) {
        json_open(out, "resourceNames", '[');
        vec_for_each (name, &rule->names)
            json_text(out, NULL, *name);
        json_close(out, ']');
    }
    json_open(out, "verbs", '[');
    for (const char *const *verb = rule->verbs; *verb; verb++)
        json_text(out, NULL, span_from_str(*verb));
    json_close(out, ']');
    json_close(out, '}');
}

static void binding_json(const struct rbac *rbac, const struct rbac_role *role, struct buf *out)
{
    head_json(rbac, role, "Binding", out);
    json_open(out, "roleRef", '{');
    json_text(out, "apiGroup", SPAN(RBAC_GROUP));
    json_text(out, "kind", span_from_str(kind_of(role)));
    json_text(out, "name", rbac->name);
    json_close(out, '}');
    json_open(out, "subjects", '[');
    json_open(out, NULL, '{');
    json_text(out, "kind", SPAN("ServiceAccount"));
    json_text(out, "name", rbac->account);
    json_text(out, "namespace", rbac->namespace);
    json_close(out, '}');
    json_close(out, ']');
    json_close(out, '}');
}

void rbac_write_json(const struct rbac *rbac, struct buf *out)
{
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", SPAN("v1"));
    json_text(out, "kind", SPAN("List"));
    json_open(out, "items", '[');
    vec_for_each (role, &rbac->roles) {
        head_json(rbac, role, "", out);
        json_open(out, "rules", '[');
        vec_for_each (rule, &role->rules)
            rule_json(rule, out);
        json_close(out, ']');
        json_close(out, '}');
        binding_json(rbac, role, out);
    }
    json_close(out, ']');
    json_close(out, '}');
    buf_append_byte(out, '\n');
}
