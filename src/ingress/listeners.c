#include "ingress/listeners.h"

#include <stdlib.h>

#include "base/num.h"
#include "ingress/backend.h"

/* A ConfigMap of such Services has a port as key and "namespace/service:port" as value, followed by ":PROXY"
 * where clients begin with a PROXY header, and by another where the Service wants one (":PROXY-V2": in the
 * form of version 2, which ingress-nginx cannot send). An empty field in between skips the first. Lines are
 * taken in the order of their ports, and what is wrong with one costs that line. */

/* One line: what it says, and where it stands. */
struct line {
    const struct kube_object *object;
    const struct kube_pair *pair;
    enum route_transport transport;
    uint16_t port;
};

static struct place line_place(struct compiler *c, const struct line *line)
{
    struct span field =
        arena_printf(&c->model->arena, "data." SPAN_FMT, SPAN_ARG(line->pair->key.text));

    return place_of(line->object, field, line->pair->key.pos);
}

static void line_refuse(struct compiler *c, const struct line *line, struct span mend,
                        const char *what)
{
    ingress_report(c->diags, DIAG_ERROR, DIAG_LISTENER_INVALID, line_place(c, line), mend,
                   "'" SPAN_FMT "' %s; nothing listens there",
                   SPAN_ARG(span_upto(line->pair->value.text, 200)), what);
}

static struct span mend_of_form(void)
{
    return SPAN("write namespace/service:port, then :PROXY where clients send that header, and "
                "::PROXY or ::PROXY-V2 where only the Service wants it");
}

struct target {
    struct ingress_object_name service;
    struct span port;
    bool accepts_proxy;
    uint8_t proxy_version; /* of the header that is sent; 0: none */
};

/* *ret_version: what the next field asks for, 0 where it is empty or missing. False: a word unknown. */
static bool version_read(struct span *rest, uint8_t *ret_version)
{
    struct span word = SPAN_EMPTY;

    *ret_version = 0;
    if (!span_split(rest, ':', &word) || span_is_empty(word))
        return true;
    if (span_eq_nocase(word, SPAN("PROXY")))
        *ret_version = 1;
    else if (span_eq_nocase(word, SPAN("PROXY-V2")))
        *ret_version = 2;
    return *ret_version != 0;
}

static bool target_parse(struct span text, struct target *ret_target)
{
    struct target target = { 0 };
    struct span rest = span_trim(text), service = SPAN_EMPTY;
    uint8_t accepted;

    if (!span_split(&rest, ':', &service) || !span_split(&rest, ':', &target.port))
        return false;
    target.service = ingress_object_name_parse(service);
    if (span_is_empty(target.service.name) || span_is_empty(target.port))
        return false;
    if (!version_read(&rest, &accepted) || !version_read(&rest, &target.proxy_version) ||
        !span_is_empty(rest) || accepted > 1) /* whichever version comes is understood */
        return false;
    target.accepts_proxy = accepted != 0;
    *ret_target = target;
    return true;
}

/* The header is a beginning, and datagrams have none. */
static void udp_flags_drop(struct compiler *c, const struct line *line, struct target *target)
{
    if (line->transport != ROUTE_TRANSPORT_UDP ||
        (!target->accepts_proxy && target->proxy_version == 0))
        return;
    ingress_report(c->diags, DIAG_WARNING, DIAG_LISTENER_INVALID, line_place(c, line),
                   SPAN("remove PROXY"), "the PROXY protocol is for TCP; it is left out");
    target->accepts_proxy = false;
    target->proxy_version = 0;
}

static bool is_own_port(const struct compiler *c, const struct line *line)
{
    for (size_t i = 0; i < INGRESS_OWN_PORTS_MAX; i++) {
        if (line->transport == ROUTE_TRANSPORT_TCP && line->port == c->options->own_tcp_ports[i])
            return true;
    }
    return false;
}

/* The listener stands in any case: connections are closed until there is someone to take them. */
static struct route_service *service_get(struct compiler *c, const struct line *line,
                                         const struct target *target)
{
    struct route_service *service = route_service_get(
        c->model, line->transport, target->service.namespace, target->service.name, target->port);
    int result;

    ingress_service_judge(c, service, &result);
    ingress_service_report(c, service, (enum service_result)result, true, line_place(c, line),
                           arena_printf(&c->scratch, "nobody is served at %s port %u",
                                        line->transport == ROUTE_TRANSPORT_UDP ? "UDP" : "TCP",
                                        line->port));
    return service;
}

static void listener_add(struct compiler *c, const struct line *line, const struct target *target)
{
    struct arena *arena = &c->model->arena;
    struct route_listener *listener = route_listener_new(c->model);
    struct place place = line_place(c, line);

    *listener = (struct route_listener){
        .transport = line->transport,
        .port = line->port,
        .accepts_proxy = target->accepts_proxy,
        .proxy_version = target->proxy_version,
        .origin = { .kind = SPAN("ConfigMap"),
                    .namespace = arena_dup(arena, line->object->namespace),
                    .name = arena_dup(arena, line->object->name),
                    .field = place.field,
                    .file = arena_dup(arena, line->object->file),
                    .line = place.pos.line,
                    .column = place.pos.column },
    };
    route_listener_set_service(listener, service_get(c, line, target));
}

static void line_take(struct compiler *c, const struct line *line)
{
    struct target target;

    if (is_own_port(c, line))
        line_refuse(c, line, SPAN("use another port"), "is for a port that the gate itself has");
    else if (!target_parse(line->pair->value.text, &target))
        line_refuse(c, line, mend_of_form(), "names no port of a Service");
    else if (c->model->listeners.len >= ROUTE_LISTENERS_MAX)
        line_refuse(c, line, SPAN("spread the ports over several gates"),
                    "is one listener too many");
    else {
        udp_flags_drop(c, line, &target);
        listener_add(c, line, &target);
    }
}

static int by_port(const void *a, const void *b)
{
    const struct line *left = a, *right = b;

    if (left->port != right->port)
        return (int)left->port - (int)right->port;
    return (left->pair > right->pair) - (left->pair < right->pair);
}

static void map_read(struct compiler *c, const struct kube_object *object,
                     enum route_transport transport)
{
    const struct kube_pairs *pairs = &object->config_map.entries;
    struct line *lines = arena_new_array(&c->scratch, struct line, pairs->len);
    size_t len = 0;

    for (size_t i = 0; i < pairs->len; i++) {
        struct line line = { object, &pairs->items[i], transport, 0 };
        if (num_parse_port(line.pair->key.text, &line.port))
            lines[len++] = line;
        else
            line_refuse(c, &line, SPAN("write a number from 1 to 65535 as the key"),
                        "stands under a key that is no port");
    }
    if (len > 1)
        qsort(lines, len, sizeof(lines[0]), by_port);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && lines[i].port == lines[i - 1].port)
            line_refuse(c, &lines[i], SPAN("keep one line for the port"),
                        "is for a port that another line has");
        else
            line_take(c, &lines[i]);
    }
}

static void named_read(struct compiler *c, const struct ingress_object_name *name,
                       enum route_transport transport, struct span flag)
{
    if (span_is_empty(name->name))
        return;
    const struct kube_object *object =
        kube_store_find(c->store, KUBE_CONFIG_MAP, name->namespace, name->name);
    if (object)
        map_read(c, object, transport);
    else
        ingress_report(c->diags, DIAG_WARNING, DIAG_FLAG_OBJECT_MISSING,
                       place_of(NULL, flag, (struct kube_pos){ 0 }),
                       SPAN("create the ConfigMap, or leave the flag out"),
                       "there is no ConfigMap " SPAN_FMT "/" SPAN_FMT "; nothing listens for it",
                       SPAN_ARG(name->namespace), SPAN_ARG(name->name));
}

void ingress_listeners_read(struct compiler *c)
{
    named_read(c, &c->options->tcp_services, ROUTE_TRANSPORT_TCP, SPAN("--tcp-services-configmap"));
    named_read(c, &c->options->udp_services, ROUTE_TRANSPORT_UDP, SPAN("--udp-services-configmap"));
}
