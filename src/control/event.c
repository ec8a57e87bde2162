#include "control/event.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/scope.h"

#define COMPONENT         SPAN("yett")
/* Events about objects without a namespace live there. */
#define CLUSTER_NAMESPACE SPAN("default")

enum { NAME_BYTES_MAX = 253 - 1 - 16 }; /* room for ".0123456789abcdef" */

static struct span event_namespace(const struct event *event)
{
    return event->subject.namespace.len ? event->subject.namespace : CLUSTER_NAMESPACE;
}

static void name_append(const struct event *event, struct buf *out)
{
    buf_append(out, span_upto(event->subject.name, NAME_BYTES_MAX));
    buf_printf(out, ".%016llx", (unsigned long long)event->id);
}

void event_path_append(const struct event *event, bool named, struct buf *out)
{
    buf_printf(out, "/api/v1/namespaces/" SPAN_FMT "/events", SPAN_ARG(event_namespace(event)));
    if (!named)
        return;
    buf_append_byte(out, '/');
    name_append(event, out);
}

/* metav1.Time: whole seconds. */
static void json_time(struct buf *out, const char *key, uint64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(wall_ns, text);
    json_key(out, key);
    buf_printf(out, "\"%.*sZ\"", (int)(sizeof("2006-01-02T15:04:05") - 1), text);
}

static void json_text_if_any(struct buf *out, const char *key, struct span text)
{
    if (text.len)
        json_text(out, key, text);
}

static void metadata_encode(const struct event *event, struct buf *out)
{
    SCOPED(buf_deinit) struct buf name = { 0 };

    name_append(event, &name);
    json_open(out, "metadata", '{');
    json_text(out, "name", buf_span(&name));
    json_text(out, "namespace", event_namespace(event));
    json_close(out, '}');
}

/* No fieldPath: some clients put it before the message, others show the message only, which therefore
 * names the field itself. */
static void subject_encode(const struct event *event, struct buf *out)
{
    const struct event_subject *subject = &event->subject;

    json_open(out, "involvedObject", '{');
    json_text(out, "apiVersion", subject->api_version);
    json_text(out, "kind", subject->kind);
    json_text_if_any(out, "namespace", subject->namespace);
    json_text(out, "name", subject->name);
    json_text_if_any(out, "uid", subject->uid);
    json_text_if_any(out, "resourceVersion", subject->resource_version);
    json_close(out, '}');
}

/* Not in the middle of a character. */
static struct span message_cut(struct span message)
{
    size_t len = EVENT_MESSAGE_MAX;

    if (message.len <= len)
        return message;
    while (len > 0 && ((unsigned char)message.ptr[len] & 0xC0) == 0x80)
        len--;
    return span_upto(message, len);
}

void event_encode_new(const struct event *event, struct span instance, uint32_t count,
                      uint64_t wall_ns, struct buf *out)
{
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", SPAN("v1"));
    json_text(out, "kind", SPAN("Event"));
    metadata_encode(event, out);
    subject_encode(event, out);
    json_text(out, "type", event->is_warning ? SPAN("Warning") : SPAN("Normal"));
    json_text(out, "reason", event->reason);
    json_text(out, "message", message_cut(event->message));
    json_open(out, "source", '{');
    json_text(out, "component", COMPONENT);
    json_close(out, '}');
    json_text(out, "reportingComponent", COMPONENT);
    json_text(out, "reportingInstance", instance);
    json_time(out, "firstTimestamp", wall_ns);
    json_time(out, "lastTimestamp", wall_ns);
    json_u64(out, "count", count);
    json_close(out, '}');
}

void event_encode_repeat(uint32_t count, uint64_t wall_ns, struct buf *out)
{
    json_open(out, NULL, '{');
    json_time(out, "lastTimestamp", wall_ns);
    json_u64(out, "count", count);
    json_close(out, '}');
}

void event_reason_append(enum diag_code code, struct buf *out)
{
    bool begins_word = true;

    for (const char *at = diag_code_name(code); *at; at++) {
        if (*at != '-')
            buf_append_byte(out, begins_word ? (char)(*at - 'a' + 'A') : *at);
        begins_word = *at == '-';
    }
}

void event_message_append(const struct diag *diag, const struct event_subject *subject,
                          struct buf *out)
{
    if (!span_eq(diag->kind, subject->kind))
        buf_printf(out, SPAN_FMT " " SPAN_FMT ": ", SPAN_ARG(diag->kind), SPAN_ARG(diag->name));
    if (diag->field.len)
        buf_printf(out, SPAN_FMT ": ", SPAN_ARG(diag->field));
    buf_append(out, diag->message);
    if (diag->mend.len)
        buf_printf(out, ". To mend it: " SPAN_FMT, SPAN_ARG(diag->mend));
}
