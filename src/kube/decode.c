#include "kube/decode.h"

#include "base/bug.h"
#include "base/scope.h"
#include "kube/json.h"
#include "kube/kinds.h"
#include "kube/source.h"
#include "kube/yaml.h"

/* Text → documents → trees → objects. A tree lives in a scratch arena that is emptied after each
 * document; only what objects keep is copied into the bundle, so that a bundle is as large as what
 * was of use in its file, and not as the file. */

/* From the API each object has a bundle of its own, and most objects keep some hundred bytes. */
enum { BUNDLE_BLOCK_BYTES = 512, SCRATCH_BLOCK_BYTES = 16 << 10 };

struct decoder {
    struct kube_bundle *bundle;
    struct span file;
    struct arena scratch;
    size_t nodes_left;
};

static void decoder_deinit(struct decoder *decoder)
{
    arena_deinit(&decoder->scratch);
}

static void fault_report(struct decoder *decoder, const struct kube_fault *fault)
{
    struct diag diag = {
        .severity = DIAG_ERROR,
        .code = fault->code,
        .file = decoder->file,
        .pos = fault->pos,
        .message = fault->message,
        .mend = fault->mend,
    };

    diag_add(&decoder->bundle->diags, &diag);
}

/* --- one object --- */

enum api_fit {
    API_CURRENT,
    API_OUTDATED,
    API_FOREIGN, /* somebody else's kind that has the same name */
    API_WRONG,   /* a group of Kubernetes' own that has no such kind */
};

static bool is_own_group(struct span api)
{
    static const char *const groups[] = {
        "networking.k8s.io", "discovery.k8s.io", "extensions", "apps", "batch", "policy"
    };
    size_t slash = span_find(api, '/');

    if (slash == SPAN_NOT_FOUND && span_starts_with(api, SPAN("v")))
        return true; /* the core group, "v1" */
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
        if (span_eq(span_upto(api, slash), span_from_str(groups[i])))
            return true;
    }
    return false;
}

static enum api_fit api_judge(const struct kube_kind_row *row, struct span api)
{
    if (span_eq(api, span_from_str(row->current_api)))
        return API_CURRENT;
    for (size_t i = 0; i < ARRAY_LEN(row->outdated_apis) && row->outdated_apis[i]; i++) {
        if (span_eq(api, span_from_str(row->outdated_apis[i])))
            return API_OUTDATED;
    }
    return is_own_group(api) ? API_WRONG : API_FOREIGN;
}

static void outdated_report(const struct kube_field *root, const struct kube_kind_row *row)
{
    struct kube_field api = kube_field_get(root, "apiVersion");

    kube_field_report(
        &api, DIAG_WARNING, DIAG_OUTDATED_API,
        kube_field_printf(root,
                          "Kubernetes no longer serves %s of this version; it is read all the same",
                          row->name),
        row->kind == KUBE_INGRESS
            ? SPAN("write apiVersion: networking.k8s.io/v1, pathType: at each path, and "
                   "service: {name: ..., port: {number: ...}} at each backend")
            : kube_field_printf(root, "write apiVersion: %s", row->current_api));
}

/* The name is wanted early: all that is reported about an object names it. */
static void identity_peek(const struct kube_node *node, struct kube_object *object)
{
    const struct kube_node *metadata = kube_node_find(node, SPAN("metadata"));
    const struct kube_node *name = metadata ? kube_node_find(metadata, SPAN("name")) : NULL;
    const struct kube_node *namespace =
        metadata ? kube_node_find(metadata, SPAN("namespace")) : NULL;

    if (name && name->kind == KUBE_NODE_STRING)
        object->name = name->text;
    if (namespace && namespace->kind == KUBE_NODE_STRING && namespace->text.len)
        object->namespace = namespace->text;
}

static void object_decode(struct decoder *decoder, const struct kube_kind_row *row, struct span api,
                          const struct kube_node *node)
{
    struct kube_object object = { .kind = row->kind, .file = decoder->file, .pos = node->pos };
    struct kube_reader reader = { decoder->bundle, &decoder->bundle->arena, &decoder->scratch,
                                  &object, span_from_str(row->name) };
    struct kube_field root = kube_field_root(&reader, node);
    enum api_fit fit = api_judge(row, api);

    if (fit == API_FOREIGN) {
        decoder->bundle->passed_over++;
        return;
    }
    if (row->is_namespaced)
        object.namespace = SPAN("default");
    identity_peek(node, &object);
    kube_field_check_duplicates(&root);
    if (fit == API_WRONG) {
        struct kube_field field = kube_field_get(&root, "apiVersion");
        kube_field_report(&field, DIAG_ERROR, DIAG_INVALID_VALUE,
                          kube_field_printf(&root, "\"" SPAN_FMT "\" has no kind %s",
                                            SPAN_ARG(span_upto(api, 80)), row->name),
                          kube_field_printf(&root, "write apiVersion: %s", row->current_api));
        return;
    }
    if (fit == API_OUTDATED)
        outdated_report(&root, row);
    object.ingress.is_outdated = row->kind == KUBE_INGRESS && fit == API_OUTDATED;
    kube_field_check_known(&root, row->known, row->misfits);
    /* An object that cannot be named is read to its end all the same: one report tells of all that is
     * wrong in it. */
    bool is_named = kube_decode_metadata(&root, row, &object);
    bool is_good = row->decode(&root, &object);
    if (!row->keeps_labels)
        object.labels = (struct kube_pairs){ 0 };
    if (!row->keeps_annotations)
        object.annotations = (struct kube_pairs){ 0 };
    if (is_good && is_named)
        vec_push(&decoder->bundle->objects, object);
}

/* --- one document --- */

static void tree_decode(struct decoder *decoder, const struct kube_node *node, struct span list_api,
                        struct span list_kind);

/* A "List" holds anything; an "IngressList" only Ingresses, which then need not say so. */
static void list_decode(struct decoder *decoder, struct span api, struct span kind,
                        const struct kube_field *items)
{
    struct span item_kind = span_upto(kind, kind.len - SPAN("List").len);

    if (span_is_empty(item_kind))
        api = SPAN_EMPTY;
    for (size_t i = 0; i < items->node->len; i++)
        tree_decode(decoder, items->node->items[i], api, item_kind);
}

static void not_an_object_report(const struct kube_field *root, enum diag_severity severity,
                                 struct span message)
{
    kube_field_report(
        root, severity, DIAG_NOT_AN_OBJECT, message,
        SPAN("keep files that are no manifests elsewhere, or give it apiVersion, kind and "
             "metadata"));
}

/* The text of a root field, or what the list around it says. False: not usable, reported. */
static bool root_text(const struct kube_field *root, const char *name, struct span from_list,
                      struct span *ret_text)
{
    struct kube_field field = kube_field_get(root, name);
    struct kube_text text = { .text = from_list };

    if (!kube_field_text(&field, &text))
        return false;
    if (span_is_empty(text.text)) {
        field.pos = root->pos;
        kube_field_report(&field, DIAG_ERROR, DIAG_MISSING_FIELD, SPAN("is missing"),
                          kube_field_printf(root, "add a line \"%s: ...\"", name));
        return false;
    }
    *ret_text = text.text;
    return true;
}

static void tree_decode(struct decoder *decoder, const struct kube_node *node, struct span list_api,
                        struct span list_kind)
{
    struct kube_object nameless = { .file = decoder->file };
    struct kube_reader reader = { decoder->bundle, &decoder->bundle->arena, &decoder->scratch,
                                  &nameless, SPAN_EMPTY };
    struct kube_field root = kube_field_root(&reader, node);
    struct span api, kind;

    if (node->kind != KUBE_NODE_MAP) {
        not_an_object_report(&root, DIAG_WARNING,
                             kube_field_printf(&root, "is %s, not a Kubernetes object",
                                               kube_node_kind_name(node->kind)));
        return;
    }
    if (span_is_empty(list_kind) && !kube_node_find(node, SPAN("apiVersion")) &&
        !kube_node_find(node, SPAN("kind"))) {
        not_an_object_report(&root, DIAG_NOTE,
                             SPAN("has neither apiVersion nor kind: passed over"));
        return;
    }
    identity_peek(node, &nameless);
    if (!root_text(&root, "kind", list_kind, &kind))
        return;
    reader.kind_name = kind;
    if (!root_text(&root, "apiVersion", list_api, &api))
        return;

    const struct kube_kind_row *row = kube_kind_row_find(kind);
    if (row) {
        object_decode(decoder, row, api, node);
        return;
    }
    struct kube_field items = kube_field_get(&root, "items");
    if (span_ends_with(kind, SPAN("List")) && items.node && items.node->kind == KUBE_NODE_LIST)
        list_decode(decoder, api, kind, &items);
    else
        decoder->bundle->passed_over++;
}

static void document_decode(struct decoder *decoder, const struct kube_node *root)
{
    decoder->bundle->documents++;
    if (root->kind != KUBE_NODE_NULL) /* "---" and nothing below it */
        tree_decode(decoder, root, SPAN_EMPTY, SPAN_EMPTY);
}

/* --- the whole text --- */

static void yaml_decode(struct decoder *decoder, struct span text)
{
    struct kube_cutter cutter = { text, 1 };
    struct span piece;
    uint32_t line;

    while (kube_cutter_next(&cutter, &piece, &line)) {
        const struct kube_node *root;
        struct kube_fault fault;
        switch (kube_yaml_parse(&decoder->scratch, piece, (struct kube_pos){ line, 1 },
                                &decoder->nodes_left, &root, &fault)) {
        case KUBE_PARSE_OK:
            document_decode(decoder, root);
            break;
        case KUBE_PARSE_NOTHING:
            break;
        case KUBE_PARSE_FAULT:
            decoder->bundle->documents++;
            fault_report(decoder, &fault);
            break;
        }
        arena_reset(&decoder->scratch);
    }
}

/* Takes `len` bytes off the front of *text, and moves *pos past them. */
static void text_advance(struct span *text, size_t len, struct kube_pos *pos)
{
    for (size_t i = 0; i < len; i++) {
        pos->column++;
        if (text->ptr[i] == '\n')
            *pos = (struct kube_pos){ pos->line + 1, 1 };
    }
    *text = span_from(*text, len);
}

static size_t space_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && (text.ptr[len] == ' ' || text.ptr[len] == '\t' ||
                              text.ptr[len] == '\r' || text.ptr[len] == '\n'))
        len++;
    return len;
}

static bool is_json_name(const struct decoder *decoder)
{
    return span_ends_with(decoder->file, SPAN(".json"));
}

/* Templates begin with braces too, and YAML may be written in flow style: what merely looks like
 * JSON is read as YAML where it is not. */
static bool looks_like_json(const struct decoder *decoder, struct span text)
{
    struct span start = span_from(text, space_len(text));

    if (is_json_name(decoder))
        return true;
    return (span_starts_with(start, SPAN("{")) && !span_starts_with(start, SPAN("{{"))) ||
           span_starts_with(start, SPAN("["));
}

struct json_values {
    VEC(const struct kube_node *) roots;
};

static void json_values_deinit(struct json_values *values)
{
    vec_deinit(&values->roots);
}

/* All values of the text, so that none is decoded before it is known to be JSON. False: a fault. */
static bool json_values_parse(struct decoder *decoder, struct span text, struct json_values *values,
                              struct kube_fault *ret_fault)
{
    bool wants_positions =
        !span_is_empty(decoder->file); /* objects from the API have none to show */
    struct kube_pos pos = { 1, 1 };

    for (text_advance(&text, space_len(text), &pos); text.len;
         text_advance(&text, space_len(text), &pos)) {
        const struct kube_node *root;
        size_t bytes;
        if (kube_json_parse(&decoder->scratch, text, pos, wants_positions, &decoder->nodes_left,
                            &root, &bytes, ret_fault) != KUBE_PARSE_OK)
            return false;
        vec_push(&values->roots, root);
        text_advance(&text, bytes, &pos);
    }
    return true;
}

/* False: the text is no JSON, need not be, and nothing of it was decoded. */
static bool json_decode(struct decoder *decoder, struct span text)
{
    SCOPED(json_values_deinit) struct json_values values = { 0 };
    struct kube_fault fault;
    bool is_json = json_values_parse(decoder, text, &values, &fault);

    if (!is_json && fault.code == DIAG_SYNTAX && !is_json_name(decoder))
        return false;
    vec_for_each (root, &values.roots)
        document_decode(decoder, *root);
    if (!is_json) {
        decoder->bundle->documents++;
        fault_report(decoder, &fault);
    }
    return true;
}

static void size_report(struct decoder *decoder)
{
    struct kube_fault fault = {
        .code = DIAG_FILE_TOO_LARGE,
        .pos = { 1, 1 },
        .message = arena_printf(&decoder->scratch, "the file is larger than %d MiB",
                                KUBE_FILE_BYTES_MAX >> 20),
        .mend = SPAN("split it: any number of files is read"),
    };

    fault_report(decoder, &fault);
}

static void text_decode(struct decoder *decoder, struct span text)
{
    if (text.len > KUBE_FILE_BYTES_MAX) {
        size_report(decoder);
        return;
    }
    struct arena converted;
    arena_init(&converted, SCRATCH_BLOCK_BYTES);
    text = kube_source_utf8(&converted, text);
    if (!looks_like_json(decoder, text) || !json_decode(decoder, text)) {
        arena_reset(&decoder->scratch);
        decoder->nodes_left = KUBE_NODES_MAX;
        yaml_decode(decoder, text);
    }
    arena_deinit(&converted);
}

static void bundle_begin(struct decoder *decoder, struct span file)
{
    struct kube_bundle *bundle = mem_alloc_zero(sizeof(*bundle));

    arena_init(&bundle->arena, BUNDLE_BLOCK_BYTES);
    diag_list_init(&bundle->diags);
    arena_init(&decoder->scratch, SCRATCH_BLOCK_BYTES);
    decoder->bundle = bundle;
    decoder->file = arena_dup(&bundle->arena, file);
    decoder->nodes_left = KUBE_NODES_MAX;
}

struct kube_bundle *kube_bundle_decode(struct span text, struct span file)
{
    SCOPED(decoder_deinit) struct decoder decoder;

    bundle_begin(&decoder, file);
    text_decode(&decoder, text);
    vec_trim(&decoder.bundle->objects);
    return decoder.bundle;
}

struct kube_bundle *kube_bundle_decode_item(struct span json, enum kube_kind kind)
{
    const struct kube_kind_row *row = kube_kind_row_find(span_from_str(kube_kind_name(kind)));
    SCOPED(decoder_deinit) struct decoder decoder;
    const struct kube_node *root;
    struct kube_fault fault;
    size_t bytes;

    bundle_begin(&decoder, SPAN_EMPTY);
    decoder.bundle->documents = 1;
    if (kube_json_parse(&decoder.scratch, json, (struct kube_pos){ 0 }, false, &decoder.nodes_left,
                        &root, &bytes, &fault) == KUBE_PARSE_OK)
        tree_decode(&decoder, root, span_from_str(row->current_api), span_from_str(row->name));
    else
        fault_report(&decoder, &fault);
    return decoder.bundle;
}

struct kube_bundle *kube_bundle_decode_tree(const struct kube_node *root)
{
    SCOPED(decoder_deinit) struct decoder decoder;

    bundle_begin(&decoder, SPAN_EMPTY);
    document_decode(&decoder, root);
    vec_trim(&decoder.bundle->objects);
    return decoder.bundle;
}

struct kube_bundle *kube_bundle_free(struct kube_bundle *bundle)
{
    if (!bundle)
        return NULL;
    vec_deinit(&bundle->objects);
    diag_list_deinit(&bundle->diags);
    arena_deinit(&bundle->arena);
    return mem_free(bundle);
}
