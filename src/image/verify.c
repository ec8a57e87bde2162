#include "image/verify.h"

#include "image/lookup.h"
#include "image/verify_parts.h"

/* Strings, runs and indexes first: what comes after may then read whatever a record points to. */

bool image_check_fail(struct image_check *check, const char *what)
{
    check->what = what;
    return false;
}

bool image_check_str(const struct image_segment_view *segment, struct image_str str)
{
    uint32_t bytes = segment->count[IMAGE_SECTION_STRINGS];

    return str.offset <= bytes && str.len <= bytes - str.offset;
}

bool image_check_run(const struct image_segment_view *segment, enum image_section section,
                     uint32_t first, uint32_t len)
{
    uint32_t count = segment->count[section];

    return first <= count && len <= count - first;
}

bool image_check_slots(struct image_check *check, const struct image_segment_view *segment,
                       enum image_section section, uint32_t base, uint32_t records)
{
    const uint32_t *slots = segment->at[section];
    uint32_t slots_len = segment->count[section];
    uint32_t used = 0;

    IMAGE_CHECK(slots_len == image_slots_for(records), "a lookup table has the wrong size");
    for (uint32_t i = 0; i < slots_len; i++) {
        if (slots[i] == IMAGE_NONE)
            continue;
        used++;
        IMAGE_CHECK((slots[i] ^ base) < records, "a lookup table names a record that is not there");
    }
    IMAGE_CHECK(used == records, "a lookup table does not name each record once");
    return true;
}

static bool certificates_check(struct image_check *check)
{
    const struct image_segment_view *secrets = &check->view->secrets;
    uint64_t id_before = 0;

    for (uint32_t i = 0; i < secrets->count[IMAGE_SECTION_CERTIFICATES]; i++) {
        const struct image_certificate *certificate = image_certificate_get(check->view, i);
        IMAGE_CHECK(certificate->id > id_before, "certificates are not sorted by id");
        IMAGE_CHECK(image_check_str(secrets, certificate->chain_pem) &&
                        image_check_str(secrets, certificate->key_pem),
                    "a certificate's text is out of bounds");
        id_before = certificate->id;
    }
    return true;
}

static bool authorities_check(struct image_check *check)
{
    const struct image_segment_view *secrets = &check->view->secrets;
    uint64_t id_before = 0;

    for (uint32_t i = 0; i < secrets->count[IMAGE_SECTION_AUTHORITIES]; i++) {
        const struct image_authorities *authorities = image_authorities_get(check->view, i);
        IMAGE_CHECK(authorities->id > id_before, "authorities are not sorted by id");
        IMAGE_CHECK(image_check_str(secrets, authorities->ca_pem) &&
                        image_check_str(secrets, authorities->crl_pem),
                    "a text of authorities is out of bounds");
        id_before = authorities->id;
    }
    return true;
}

static bool secrets_check(struct image_check *check)
{
    for (uint32_t i = 0; i < image_ticket_key_count(check->view); i++) {
        IMAGE_CHECK(route_ticket_key_len_is_valid(image_ticket_key_get(check->view, i)->len),
                    "a key of session tickets has no known length");
    }
    return certificates_check(check) && authorities_check(check);
}

static bool endpoints_check(struct image_check *check, const struct image_segment_view *shard)
{
    const struct image_endpoint *endpoints = shard->at[IMAGE_SECTION_ENDPOINTS];

    for (uint32_t i = 0; i < shard->count[IMAGE_SECTION_ENDPOINTS]; i++) {
        const struct image_endpoint *endpoint = &endpoints[i];
        IMAGE_CHECK(image_check_str(shard, endpoint->dns_name),
                    "an endpoint's DNS name is out of bounds");
        IMAGE_CHECK(endpoint->kind == ROUTE_ENDPOINT_IP || endpoint->kind == ROUTE_ENDPOINT_DNS,
                    "an endpoint is of no known kind");
        IMAGE_CHECK((endpoint->kind == ROUTE_ENDPOINT_DNS) == (endpoint->dns_name.len > 0),
                    "an endpoint has a DNS name where it should not, or none where it should");
    }
    return true;
}

static bool sets_check(struct image_check *check)
{
    const struct image_segment_view *shard = &check->view->endpoints[check->shard];
    const struct image_endpoint_set *sets = shard->at[IMAGE_SECTION_ENDPOINT_SETS];
    uint32_t sets_len = shard->count[IMAGE_SECTION_ENDPOINT_SETS];
    uint32_t end = 0;

    if (!image_check_slots(check, shard, IMAGE_SECTION_ENDPOINT_SLOTS, 0, sets_len))
        return false;
    for (uint32_t i = 0; i < sets_len; i++) {
        IMAGE_CHECK(i == 0 || sets[i].service_key > sets[i - 1].service_key,
                    "sets of endpoints are not sorted by service");
        IMAGE_CHECK(image_shard_of(sets[i].service_key, check->view->shards) == check->shard,
                    "a set of endpoints lies in the wrong shard");
        IMAGE_CHECK(sets[i].endpoints_first == end &&
                        image_check_run(shard, IMAGE_SECTION_ENDPOINTS, end, sets[i].endpoints_len),
                    "a set of endpoints is out of bounds or out of order");
        end += sets[i].endpoints_len;
        IMAGE_CHECK(image_endpoints_find(check->view, sets[i].service_key).items ==
                        (const struct image_endpoint *)shard->at[IMAGE_SECTION_ENDPOINTS] +
                            sets[i].endpoints_first,
                    "a set of endpoints is not found by its service");
    }
    IMAGE_CHECK(end == shard->count[IMAGE_SECTION_ENDPOINTS], "an endpoint belongs to no set");
    return endpoints_check(check, shard);
}

static bool is_shared(const struct image_segment_view *segment,
                      const struct image_segment_view *before)
{
    return before && segment->map == before->map;
}

static bool shard_check(struct image_check *check, const struct image_view *before,
                        bool has_new_secrets)
{
    uint32_t i = check->shard;
    bool has_new_routes = !is_shared(&check->view->routes[i], before ? &before->routes[i] : NULL);

    if (has_new_routes && !image_check_routes(check))
        return false;
    if ((has_new_routes || has_new_secrets) && !image_check_route_secrets(check))
        return false;
    return is_shared(&check->view->endpoints[i], before ? &before->endpoints[i] : NULL) ||
           sets_check(check);
}

bool image_verify_changes(const struct image_view *view, const struct image_view *before,
                          const char **ret_what)
{
    struct image_check check = { .view = view };

    /* Of another number of shards, nothing lies where it lay. */
    if (before && before->shards != view->shards)
        before = NULL;
    bool has_new_secrets = !is_shared(&view->secrets, before ? &before->secrets : NULL);
    bool holds = !has_new_secrets || secrets_check(&check);
    for (check.shard = 0; holds && check.shard < view->shards; check.shard++)
        holds = shard_check(&check, before, has_new_secrets);
    if (!holds)
        *ret_what = check.what;
    return holds;
}

bool image_verify(const struct image_view *view, const char **ret_what)
{
    return image_verify_changes(view, NULL, ret_what);
}
