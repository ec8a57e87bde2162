#include "base/hash.h"
#include "base/vec.h"
#include "image/encode.h"

/* A shard holds a set for each of its services that has endpoints; for one without, finding nothing
 * says the same. */

static void endpoint_add(struct image_sections *sections, const struct route_endpoint *endpoint)
{
    struct image_endpoint record = {
        .id = endpoint->id,
        .dns_name = image_sections_str(sections, endpoint->dns_name),
        .port = endpoint->port,
        .kind = (uint16_t)endpoint->kind,
    };

    memcpy(record.ip, endpoint->ip.bytes, sizeof(record.ip));
    image_sections_add(sections, IMAGE_SECTION_ENDPOINTS, &record, sizeof(record));
}

static void set_add(struct image_sections *sections, const struct route_service *service)
{
    struct image_endpoint_set record = {
        .service_key = service->key,
        .endpoints_first = image_sections_count(sections, IMAGE_SECTION_ENDPOINTS),
        .endpoints_len = (uint32_t)service->endpoints_len,
    };

    image_sections_add(sections, IMAGE_SECTION_ENDPOINT_SETS, &record, sizeof(record));
    for (size_t i = 0; i < service->endpoints_len; i++)
        endpoint_add(sections, &service->endpoints[i]);
}

void image_encode_endpoints(struct image_sections *sections, struct route_service *const *services,
                            size_t services_len)
{
    VEC(uint64_t) hashes = { 0 };

    for (size_t i = 0; i < services_len; i++) {
        if (services[i]->endpoints_len == 0)
            continue;
        set_add(sections, services[i]);
        vec_push(&hashes, hash_u64(services[i]->key));
    }
    image_sections_index(sections, IMAGE_SECTION_ENDPOINT_SLOTS, hashes.items,
                         (uint32_t)hashes.len);
    vec_deinit(&hashes);
}
