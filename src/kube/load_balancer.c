#include "kube/load_balancer.h"

#include "base/hash.h"

enum { SEED_IP = 1, SEED_HOSTNAME = 2 };

/* A sum does not depend on the order of its parts, and, unlike an exclusive or, keeps entries that are
 * there twice. */
uint64_t kube_load_balancer_add(uint64_t hash, struct span ip, struct span hostname)
{
    return hash + hash_combine(hash_bytes(ip, SEED_IP), hash_bytes(hostname, SEED_HOSTNAME));
}
