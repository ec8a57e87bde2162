#include <jansson.h>
#include <stdlib.h>

#include "cli/rbac_flags.h"

void rbac_secrets_init(struct rbac_secrets *secrets)
{
    *secrets = (struct rbac_secrets){ 0 };
    arena_init(&secrets->texts, 4096);
}

void rbac_secrets_deinit(struct rbac_secrets *secrets)
{
    vec_deinit(&secrets->items);
    arena_deinit(&secrets->texts);
}

void rbac_secrets_add(void *ctx, struct span namespace, struct span name)
{
    struct rbac_secrets *secrets = ctx;
    struct rbac_secret secret = { arena_dup(&secrets->texts, namespace),
                                  arena_dup(&secrets->texts, name) };

    vec_push(&secrets->items, secret);
}

static struct span text_of(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);

    return json_is_string(value) ? span_of(json_string_value(value), json_string_length(value))
                                 : SPAN_EMPTY;
}

static bool all_add(struct rbac_secrets *secrets, const json_t *list, const char **ret_what)
{
    *ret_what = "its answer is no list of Secrets";
    if (!json_is_array(list))
        return false;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *item = json_array_get(list, i);
        struct span namespace = text_of(item, "namespace"), name = text_of(item, "name");
        if (namespace.len == 0 || name.len == 0)
            return false;
        rbac_secrets_add(secrets, namespace, name);
    }
    return true;
}

bool rbac_secrets_read_json(struct rbac_secrets *secrets, struct span json, const char **ret_what)
{
    json_t *root = json_loadb(json.ptr, json.len, 0, NULL);

    *ret_what = "its answer is no JSON";
    bool is_read = root && all_add(secrets, json_object_get(root, "secrets"), ret_what);
    json_decref(root);
    return is_read;
}

static int by_name(const void *a, const void *b)
{
    const struct rbac_secret *left = a, *right = b;
    int r = span_cmp(left->namespace, right->namespace);

    return r ? r : span_cmp(left->name, right->name);
}

void rbac_secrets_roles(struct rbac_secrets *secrets, struct rbac *rbac)
{
    if (secrets->items.len > 1)
        qsort(secrets->items.items, secrets->items.len, sizeof(secrets->items.items[0]), by_name);
    vec_for_each (secret, &secrets->items) {
        bool is_again = secret != secrets->items.items && by_name(secret, secret - 1) == 0;
        if (!is_again)
            rbac_name_add(rbac_role_get(rbac, secret->namespace), "", "secrets", rbac_list_watch,
                          secret->name);
    }
}
