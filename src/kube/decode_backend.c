#include "base/num.h"
#include "kube/kinds.h"

/* An Ingress backend in its two forms: v1 nests service and port, v1beta1 has them side by side. A
 * backend in the form of the other version is refused with the lines that should stand there; where it
 * has both, its own version's counts. */

static const char *const backend_known[] = { "service", "resource", NULL };
static const char *const beta_known[] = { "serviceName", "servicePort", "resource", NULL };
static const char *const service_known[] = { "name", "port", NULL };
static const char *const port_known[] = { "name", "number", NULL };
static const char *const resource_known[] = { "apiGroup", "kind", "name", NULL };

static const char service_mend[] = "write service: {name: ..., port: {number: ...}}";

static struct span scalar_text(const struct kube_field *field)
{
    return field->node && field->node->height == 0 ? span_upto(field->node->text, 80) : SPAN("...");
}

static bool is_number_text(struct span text)
{
    uint16_t port;

    return num_parse_port(text, &port);
}

/* "service: {name: web, port: {number: 80}}", made of what is written as serviceName, servicePort.
 */
static struct span v1_form(const struct kube_field *backend)
{
    struct kube_field name = kube_field_get(backend, "serviceName");
    struct kube_field port = kube_field_get(backend, "servicePort");
    struct span port_text = scalar_text(&port);
    const char *by = !port.node || is_number_text(port_text) ? "number" : "name";

    return kube_field_printf(backend,
                             "write service: {name: " SPAN_FMT ", port: {%s: " SPAN_FMT "}}",
                             SPAN_ARG(scalar_text(&name)), by, SPAN_ARG(port_text));
}

static bool is_beta_form_reported(const struct kube_field *backend)
{
    struct kube_field name = kube_field_get(backend, "serviceName");
    struct kube_field port = kube_field_get(backend, "servicePort");

    if (!kube_field_is_set(&name) && !kube_field_is_set(&port))
        return false;
    kube_field_report(kube_field_is_set(&name) ? &name : &port, DIAG_ERROR, DIAG_UNKNOWN_FIELD,
                      SPAN("is of the v1beta1 form, which networking.k8s.io/v1 does not have"),
                      v1_form(backend));
    return true;
}

static bool is_v1_form_reported(const struct kube_field *backend)
{
    struct kube_field service = kube_field_get(backend, "service");

    if (!kube_field_is_set(&service))
        return false;
    kube_field_report(&service, DIAG_ERROR, DIAG_UNKNOWN_FIELD,
                      SPAN("is of the v1 form, which this apiVersion does not have"),
                      SPAN("write apiVersion: networking.k8s.io/v1"));
    return true;
}

/* A required, non-empty string. */
static bool name_read(const struct kube_field *map, const char *name, struct kube_text *ret_text)
{
    struct kube_field field = kube_field_get(map, name);

    if (!kube_field_text(&field, ret_text))
        return false;
    if (kube_text_is_set(ret_text) && !span_is_empty(ret_text->text))
        return true;
    kube_field_report(&field, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
                      kube_field_printf(map, "write %s: ... here", name));
    return false;
}

static bool service_port_read(const struct kube_field *service, struct kube_backend *backend)
{
    struct kube_field port = kube_field_get(service, "port");

    if (!kube_field_require(&port, KUBE_NODE_MAP, "write port: {number: ...} or port: {name: ...}"))
        return false;
    kube_field_check_known(&port, port_known, NULL);

    struct kube_field name = kube_field_get(&port, "name");
    struct kube_field number = kube_field_get(&port, "number");
    if (!kube_field_text(&name, &backend->port_name) ||
        !kube_field_port(&number, &backend->port_number))
        return false;
    if (span_is_empty(backend->port_name.text))
        backend->port_name = (struct kube_text){ 0 };
    if (kube_text_is_set(&backend->port_name) && backend->port_number) {
        kube_field_report(
            &port, DIAG_ERROR, DIAG_INVALID_VALUE,
            SPAN("has both a name and a number, and the Service may give them to two ports"),
            SPAN("keep one of them"));
        return false;
    }
    if (!kube_text_is_set(&backend->port_name) && !backend->port_number) {
        kube_field_report(&port, DIAG_ERROR, DIAG_MISSING_FIELD,
                          SPAN("has neither a number nor a name"),
                          SPAN("write port: {number: ...} or port: {name: ...}"));
        return false;
    }
    return true;
}

static bool service_read(const struct kube_field *service, struct kube_backend *backend)
{
    if (!kube_field_expect(service, KUBE_NODE_MAP, service_mend))
        return false;
    kube_field_check_known(service, service_known, NULL);
    backend->kind = KUBE_BACKEND_SERVICE;
    return name_read(service, "name", &backend->service) && service_port_read(service, backend);
}

static bool resource_read(const struct kube_field *resource, struct kube_backend *backend)
{
    struct kube_text kind = { 0 }, name = { 0 };

    if (!kube_field_expect(resource, KUBE_NODE_MAP, "write resource: {apiGroup:, kind:, name:}"))
        return false;
    kube_field_check_known(resource, resource_known, NULL);
    if (!name_read(resource, "kind", &kind) || !name_read(resource, "name", &name))
        return false;
    backend->kind = KUBE_BACKEND_RESOURCE;
    backend->resource.pos = resource->pos;
    backend->resource.text = arena_printf(&resource->reader->bundle->arena, SPAN_FMT "/" SPAN_FMT,
                                          SPAN_ARG(kind.text), SPAN_ARG(name.text));
    return true;
}

/* int-or-string; a quoted number counts as a number, as it did in the controllers of that time. */
static bool beta_port_read(const struct kube_field *backend_field, struct kube_backend *backend)
{
    struct kube_field port = kube_field_get(backend_field, "servicePort");

    if (!kube_field_is_set(&port)) {
        kube_field_report(&port, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
                          SPAN("write servicePort: and the number or name of the Service's port"));
        return false;
    }
    if (port.node->kind != KUBE_NODE_STRING)
        return kube_field_port(&port, &backend->port_number);
    if (num_parse_port(port.node->text, &backend->port_number))
        return true;
    return name_read(backend_field, "servicePort", &backend->port_name);
}

static bool nothing_report(const struct kube_field *field)
{
    kube_field_report(field, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("names no Service"),
                      span_from_str(service_mend));
    return false;
}

static bool v1_read(const struct kube_field *field, struct kube_backend *backend)
{
    struct kube_field service = kube_field_get(field, "service");
    struct kube_field resource = kube_field_get(field, "resource");

    if (!kube_field_is_set(&service) && is_beta_form_reported(field))
        return false;
    kube_field_check_known(field, backend_known, NULL);
    if (kube_field_is_set(&service) && kube_field_is_set(&resource)) {
        kube_field_report(field, DIAG_ERROR, DIAG_INVALID_VALUE,
                          SPAN("has both a service and a resource"), SPAN("keep one of them"));
        return false;
    }
    if (kube_field_is_set(&service))
        return service_read(&service, backend);
    return kube_field_is_set(&resource) ? resource_read(&resource, backend) : nothing_report(field);
}

static bool beta_read(const struct kube_field *field, struct kube_backend *backend)
{
    struct kube_field name = kube_field_get(field, "serviceName");
    struct kube_field resource = kube_field_get(field, "resource");

    if (!kube_field_is_set(&name) && is_v1_form_reported(field))
        return false;
    kube_field_check_known(field, beta_known, NULL);
    if (kube_field_is_set(&resource))
        return resource_read(&resource, backend);
    backend->kind = KUBE_BACKEND_SERVICE;
    return name_read(field, "serviceName", &backend->service) && beta_port_read(field, backend);
}

bool kube_decode_backend(const struct kube_field *field, bool is_outdated,
                         struct kube_backend *ret_backend)
{
    struct kube_backend backend = { .pos = field->pos };

    if (!kube_field_require(field, KUBE_NODE_MAP, service_mend))
        return false;
    if (!(is_outdated ? beta_read(field, &backend) : v1_read(field, &backend)))
        return false;
    *ret_backend = backend;
    return true;
}
