#include "control/address_list.h"

#include "base/ip.h"
#include "base/json.h"
#include "kube/load_balancer.h"

void address_list_init(struct address_list *list)
{
    *list = (struct address_list){ 0 };
    arena_init(&list->arena, 256);
}

void address_list_deinit(struct address_list *list)
{
    vec_deinit(&list->items);
    arena_deinit(&list->arena);
}

static int address_cmp(const struct address *a, const struct address *b)
{
    int r = span_cmp(a->hostname, b->hostname);

    return r != 0 ? r : span_cmp(a->ip, b->ip);
}

void address_list_add(struct address_list *list, struct span ip, struct span hostname)
{
    struct address address = { ip, hostname };
    size_t at = list->items.len;

    if (ip.len == 0 && hostname.len == 0)
        return;
    while (at > 0 && address_cmp(&address, &list->items.items[at - 1]) < 0)
        at--;
    if (at > 0 && address_cmp(&address, &list->items.items[at - 1]) == 0)
        return;
    address.ip = arena_dup(&list->arena, ip);
    address.hostname = arena_dup(&list->arena, hostname);
    vec_push(&list->items, address);
    for (size_t i = list->items.len - 1; i > at; i--)
        list->items.items[i] = list->items.items[i - 1];
    list->items.items[at] = address;
}

void address_list_add_text(struct address_list *list, struct span text)
{
    struct ip_addr ip;

    if (ip_parse(text, &ip))
        address_list_add(list, text, SPAN_EMPTY);
    else
        address_list_add(list, SPAN_EMPTY, text);
}

void address_list_append(struct address_list *list, const struct address_list *from)
{
    vec_for_each (address, &from->items)
        address_list_add(list, address->ip, address->hostname);
}

uint64_t address_list_hash(const struct address_list *list)
{
    uint64_t hash = KUBE_LOAD_BALANCER_NONE;

    vec_for_each (address, &list->items)
        hash = kube_load_balancer_add(hash, address->ip, address->hostname);
    return hash;
}

void address_list_encode(const struct address_list *list, struct buf *out)
{
    json_open(out, NULL, '[');
    vec_for_each (address, &list->items) {
        json_open(out, NULL, '{');
        if (address->ip.len)
            json_text(out, "ip", address->ip);
        if (address->hostname.len)
            json_text(out, "hostname", address->hostname);
        json_close(out, '}');
    }
    json_close(out, ']');
}
