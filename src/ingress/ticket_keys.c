#include "ingress/ticket_keys.h"

#include <stdlib.h>

#include "ingress/secret.h"

static void key_add(struct route_model *model, struct span bytes)
{
    if (model->ticket_keys_len == ROUTE_TICKET_KEYS_MAX) /* older ones are of no use any more */
        return;
    struct route_ticket_key *key = &model->ticket_keys[model->ticket_keys_len++];
    memcpy(key->bytes, bytes.ptr, bytes.len);
    key->len = (uint32_t)bytes.len;
}

static int by_name_last_first(const void *a, const void *b)
{
    const struct kube_pair *left = *(const struct kube_pair *const *)a;
    const struct kube_pair *right = *(const struct kube_pair *const *)b;

    return -span_cmp(left->key.text, right->key.text);
}

static void secret_read(struct compiler *c, const struct kube_object *secret)
{
    const struct kube_pairs *entries = &secret->secret.entries;
    VEC(const struct kube_pair *) sorted = { 0 };

    for (size_t i = 0; i < entries->len; i++)
        vec_push(&sorted, &entries->items[i]);
    if (sorted.len > 0)
        qsort(sorted.items, sorted.len, sizeof(sorted.items[0]), by_name_last_first);
    vec_for_each (entry, &sorted) {
        const struct kube_pair *pair = *entry;

        if (route_ticket_key_len_is_valid(pair->value.text.len))
            key_add(c->model, pair->value.text);
        else
            ingress_report(
                c->diags, DIAG_ERROR, DIAG_TLS_SECRET_INVALID,
                place_of(secret,
                         arena_printf(&c->scratch, "data[" SPAN_FMT "]", SPAN_ARG(pair->key.text)),
                         pair->key.pos),
                SPAN("put 48 or 80 random bytes there: openssl rand 80"),
                "'" SPAN_FMT "' has %zu bytes and is no key of session tickets",
                SPAN_ARG(pair->key.text), pair->value.text.len);
    }
    vec_deinit(&sorted);
}

static void secret_find(struct compiler *c)
{
    const struct ingress_object_name *name = &c->options->ticket_keys;
    const struct secret_ref ref = {
        .namespace = name->namespace,
        .name = name->name,
        .place = place_of(NULL, SPAN("--session-ticket-secret"), (struct kube_pos){ 0 }),
        .consequence = "sessions are not resumed by other replicas",
    };

    if (name->name.len == 0)
        return;
    const struct kube_object *secret =
        ingress_secret_find(c, &ref, SPAN("create the Secret with keys of 48 or 80 random bytes"));
    if (secret)
        secret_read(c, secret);
}

void ingress_ticket_keys(struct compiler *c)
{
    const struct route_ticket_key *said = &c->config.ticket_key;
    struct route_model *model = c->model;

    secret_find(c);
    if (said->len > 0)
        key_add(model, span_of((const char *)said->bytes, said->len));
    if (model->ticket_keys_len > 0)
        return;
    for (size_t i = 0; i < c->options->made_ticket_keys_len; i++) {
        const struct route_ticket_key *made = &c->options->made_ticket_keys[i];
        key_add(model, span_of((const char *)made->bytes, made->len));
    }
}
