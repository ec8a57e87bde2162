#include "api/watch_event.h"

#include "api/json_text.h"
#include "base/num.h"

struct reflector_object reflector_object_read(struct span json)
{
    struct span metadata = json_text_member(json, SPAN("metadata"));

    return (struct reflector_object){
        .json = json,
        .namespace = json_text_string(json_text_member(metadata, SPAN("namespace"))),
        .name = json_text_string(json_text_member(metadata, SPAN("name"))),
        .resource_version = json_text_string(json_text_member(metadata, SPAN("resourceVersion"))),
    };
}

static bool is_initial_end(struct span bookmark)
{
    static const char *const path[] = { "metadata", "annotations", "k8s.io/initial-events-end",
                                        NULL };

    return span_eq(json_text_string(json_text_path(bookmark, path)), SPAN("true"));
}

static enum watch_event_kind kind_read(struct span json, struct span object)
{
    struct span type = json_text_string(json_text_member(json, SPAN("type")));

    if (span_eq(type, SPAN("ADDED")) || span_eq(type, SPAN("MODIFIED")))
        return WATCH_OBJECT;
    if (span_eq(type, SPAN("DELETED")))
        return WATCH_DELETED;
    if (span_eq(type, SPAN("BOOKMARK")))
        return is_initial_end(object) ? WATCH_INITIAL_END : WATCH_BOOKMARK;
    return span_eq(type, SPAN("ERROR")) ? WATCH_ERROR : WATCH_UNKNOWN;
}

static void error_read(struct span status, struct watch_event *event)
{
    if (!num_parse_u32(json_text_member(status, SPAN("code")), 999, &event->error_code))
        event->error_code = 500;
    event->message = json_text_inside(json_text_member(status, SPAN("message")));
}

struct watch_event watch_event_read(struct span json)
{
    struct span object = json_text_member(json, SPAN("object"));
    struct watch_event event = { .kind = kind_read(json, object) };

    if (event.kind != WATCH_UNKNOWN && span_is_empty(object))
        event.kind = WATCH_UNKNOWN;
    if (event.kind == WATCH_ERROR)
        error_read(object, &event);
    else if (event.kind == WATCH_UNKNOWN)
        event.message = SPAN("a line that is no event of a known type");
    else
        event.object = reflector_object_read(object);
    return event;
}
