#include "control/admission.h"

#include "base/json.h"
#include "base/scope.h"
#include "ingress/admit.h"
#include "kube/json.h"

/* The codes of the metav1.Status: what kubectl shows beside the reason. */
enum { STATUS_FORBIDDEN = 403, STATUS_INVALID = 422 };

enum { UID_BYTES_MAX = 256 };

#define REVIEW_API  "admission.k8s.io/v1"
#define REVIEW_KIND "AdmissionReview"

/* What is looked at of a request. */
struct review {
    struct span uid, operation, kind, group, sub_resource, namespace;
    const struct kube_node *object, *old_object; /* NULL: not there */
};

/* ---- reading ----------------------------------------------------------------------------------
 */

static const struct kube_node *child(const struct kube_node *map, const char *name)
{
    const struct kube_node *node =
        map && map->kind == KUBE_NODE_MAP ? kube_node_find(map, span_from_str(name)) : NULL;

    return node && node->kind != KUBE_NODE_NULL ? node : NULL;
}

/* Empty: absent, or no text. */
static struct span text_at(const struct kube_node *map, const char *name)
{
    const struct kube_node *node = child(map, name);

    return node && node->kind == KUBE_NODE_STRING ? node->text : SPAN_EMPTY;
}

static enum admission_outcome unreadable(struct http_answer *answer, const char *why)
{
    answer->status = 400;
    answer->content_type = "text/plain; charset=utf-8";
    buf_printf(&answer->body, "%s\n", why);
    return ADMISSION_UNREADABLE;
}

/* NULL: *ret_review is set; else what is wrong. */
static const char *review_read(const struct kube_node *root, struct review *ret_review)
{
    const struct kube_node *request = child(root, "request"), *kind = child(request, "kind");
    struct span api = text_at(root, "apiVersion");

    if (!span_eq(text_at(root, "kind"), SPAN(REVIEW_KIND)))
        return "this is no " REVIEW_KIND;
    if (!span_eq(api, SPAN(REVIEW_API)))
        return "only " REVIEW_KIND "s of " REVIEW_API " are understood; write "
               "admissionReviewVersions: [v1] in the ValidatingWebhookConfiguration";
    *ret_review = (struct review){
        .uid = text_at(request, "uid"),
        .operation = text_at(request, "operation"),
        .kind = text_at(kind, "kind"),
        .group = text_at(kind, "group"),
        .sub_resource = text_at(request, "subResource"),
        .namespace = text_at(request, "namespace"),
        .object = child(request, "object"),
        .old_object = child(request, "oldObject"),
    };
    if (ret_review->uid.len == 0 || ret_review->uid.len > UID_BYTES_MAX)
        return "request.uid is missing";
    return NULL;
}

static bool is_for_us(const struct admission_state *state, const struct review *review)
{
    bool is_ingress = span_eq(review->kind, SPAN("Ingress")) &&
                      (span_eq(review->group, SPAN("networking.k8s.io")) ||
                       span_eq(review->group, SPAN("extensions")));
    bool stores =
        span_eq(review->operation, SPAN("CREATE")) || span_eq(review->operation, SPAN("UPDATE"));

    if (state->selects_namespaces &&
        !kube_store_find(state->store, KUBE_NAMESPACE, SPAN_EMPTY, review->namespace))
        return false;
    return is_ingress && stores && span_is_empty(review->sub_resource) && review->object;
}

/* ---- writing ----------------------------------------------------------------------------------
 */

/* Up to `max` bytes, and no character is cut in two. */
static struct span cut(struct span text, size_t max)
{
    static const size_t mark_bytes = 3; /* "..." */

    if (text.len <= max)
        return text;
    size_t len = max - mark_bytes;
    while (len > 0 && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len--;
    return span_upto(text, len);
}

static void text_cut(struct buf *text, size_t max)
{
    size_t len = cut(buf_span(text), max).len;

    if (len == text->len)
        return;
    text->len = len;
    buf_append(text, SPAN("..."));
}

/* "spec.rules[0].host: what; how [code]" */
static void diag_text(const struct diag *diag, struct buf *out)
{
    if (!span_is_empty(diag->field))
        buf_printf(out, SPAN_FMT ": ", SPAN_ARG(diag->field));
    buf_append(out, diag->message);
    if (!span_is_empty(diag->mend))
        buf_printf(out, "; " SPAN_FMT, SPAN_ARG(diag->mend));
    buf_printf(out, " [%s]", diag_code_name(diag->code));
}

/* Whether a Secret is there that nobody refers to yet, is not for us to know. */
static bool is_known(const struct admission_state *state, const struct diag *diag)
{
    return state->has_all_secrets || diag->code != DIAG_TLS_SECRET_MISSING;
}

static void warnings_write(const struct admission_state *state, struct buf *out,
                           const struct diag_list *warned)
{
    size_t total = 0;

    json_open(out, "warnings", '[');
    vec_for_each (diag, &warned->diags) {
        SCOPED(buf_deinit) struct buf text = { 0 };

        if (!is_known(state, diag))
            continue;
        diag_text(diag, &text);
        text_cut(&text, ADMISSION_WARNING_BYTES);
        total += text.len;
        if (total > ADMISSION_WARNINGS_BYTES)
            break;
        json_text(out, NULL, buf_span(&text));
    }
    json_close(out, ']');
}

static void refusal_write(struct buf *out, const struct kube_object *ingress,
                          const struct diag_list *refused)
{
    SCOPED(buf_deinit) struct buf text = { 0 };
    bool is_conflict = true;

    buf_printf(&text, "Ingress " SPAN_FMT "/" SPAN_FMT, SPAN_ARG(ingress->namespace),
               SPAN_ARG(ingress->name));
    vec_for_each (diag, &refused->diags) {
        buf_append(&text, diag == refused->diags.items ? SPAN(": ") : SPAN("\n"));
        diag_text(diag, &text);
        is_conflict &=
            diag->code == DIAG_RULE_CONFLICT || diag->code == DIAG_DEFAULT_BACKEND_CONFLICT;
    }
    text_cut(&text, ADMISSION_MESSAGE_BYTES);
    json_open(out, "status", '{');
    json_text(out, "status", SPAN("Failure"));
    json_text(out, "message", buf_span(&text));
    json_text(out, "reason", is_conflict ? SPAN("Forbidden") : SPAN("Invalid"));
    json_u64(out, "code", is_conflict ? STATUS_FORBIDDEN : STATUS_INVALID);
    json_close(out, '}');
}

/* `verdict` NULL: nothing is said against it. */
static void response_write(const struct admission_state *state, struct span uid,
                           const struct kube_object *ingress, const struct ingress_verdict *verdict,
                           struct http_answer *answer)
{
    struct buf *out = &answer->body;
    bool is_refused = verdict && verdict->refused.diags.len > 0;

    answer->status = 200;
    answer->content_type = "application/json";
    json_open(out, NULL, '{');
    json_text(out, "apiVersion", SPAN(REVIEW_API));
    json_text(out, "kind", SPAN(REVIEW_KIND));
    json_open(out, "response", '{');
    json_text(out, "uid", uid);
    json_bool(out, "allowed", !is_refused);
    if (is_refused)
        refusal_write(out, ingress, &verdict->refused);
    if (verdict && verdict->warned.diags.len > 0)
        warnings_write(state, out, &verdict->warned);
    json_close(out, '}');
    json_close(out, '}');
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* One that is new has the age that it will have; one that changes keeps its own. */
static void age_set(struct kube_bundle *after, struct kube_bundle *before, int64_t now_s)
{
    struct kube_object *is = after->objects.len ? &after->objects.items[0] : NULL;
    struct kube_object *was = before && before->objects.len ? &before->objects.items[0] : NULL;

    if (is && is->created_s == 0)
        is->created_s = was && was->created_s ? was->created_s : now_s;
    if (is && was && was->created_s == 0)
        was->created_s = is->created_s;
}

static enum admission_outcome judge(const struct admission_state *state,
                                    const struct review *review, struct http_answer *answer)
{
    struct ingress_options options = *state->options;
    struct kube_bundle *after = kube_bundle_decode_tree(review->object);
    struct kube_bundle *before =
        review->old_object ? kube_bundle_decode_tree(review->old_object) : NULL;
    struct ingress_verdict verdict;
    enum admission_outcome outcome = ADMISSION_ALLOWED;

    options.now_s = state->now_s;
    age_set(after, before, state->now_s);
    ingress_admit(state->store, &options, state->model, before, after, &verdict);
    response_write(state, review->uid, after->objects.len ? &after->objects.items[0] : NULL,
                   &verdict, answer);
    if (!verdict.is_ours)
        outcome = ADMISSION_NOT_OURS;
    else if (verdict.refused.diags.len > 0)
        outcome = ADMISSION_REFUSED;
    ingress_verdict_deinit(&verdict);
    kube_bundle_free(before);
    kube_bundle_free(after);
    return outcome;
}

static enum admission_outcome root_answer(const struct admission_state *state,
                                          const struct kube_node *root, struct http_answer *answer)
{
    struct review review;
    const char *wrong = review_read(root, &review);

    if (wrong)
        return unreadable(answer, wrong);
    if (is_for_us(state, &review))
        return judge(state, &review, answer);
    response_write(state, review.uid, NULL, NULL, answer);
    return ADMISSION_NOT_OURS;
}

enum admission_outcome admission_answer(const struct admission_state *state, struct span body,
                                        struct http_answer *answer)
{
    SCOPED(arena_deinit) struct arena arena;
    size_t nodes_left = ADMISSION_NODES_MAX, bytes;
    const struct kube_node *root;
    struct kube_fault fault;

    arena_init(&arena, 64 << 10);
    enum kube_parse_result r = kube_json_parse(&arena, body, (struct kube_pos){ 1, 1 }, false,
                                               &nodes_left, &root, &bytes, &fault);
    return r == KUBE_PARSE_OK ? root_answer(state, root, answer)
                              : unreadable(answer, "the body is no JSON");
}
