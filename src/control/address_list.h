/* control/address_list.h
 *
 * Purpose    The addresses that status.loadBalancer.ingress shall name: in one order, each once.
 * Ownership  Copies what it is given.
 * Lifetime   address_list_init() … address_list_deinit().
 * Roles      controller. */
#ifndef YETT_CONTROL_ADDRESS_LIST_H
#define YETT_CONTROL_ADDRESS_LIST_H

#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"

struct address {
    struct span ip, hostname; /* one of them may be empty */
};

struct address_list {
    struct arena arena;
    VEC(struct address) items; /* by host name, then by address */
};

void address_list_init(struct address_list *list);
void address_list_deinit(struct address_list *list);

/* Both empty, or there already: no effect. */
void address_list_add(struct address_list *list, struct span ip, struct span hostname);
/* An IP address, or else a host name. */
void address_list_add_text(struct address_list *list, struct span text);
void address_list_append(struct address_list *list, const struct address_list *from);

/* As kube_ingress.load_balancer has it, for comparison. */
uint64_t address_list_hash(const struct address_list *list);
/* The value of status.loadBalancer.ingress. */
void address_list_encode(const struct address_list *list, struct buf *out);

#endif
