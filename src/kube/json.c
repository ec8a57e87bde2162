#include "kube/json.h"

#include "base/vec.h"
#include "kube/decode.h"
#include "kube/json_string.h"

/* A descent that is as deep as the text, up to KUBE_DEPTH_MAX. The children of all lists and maps that are
 * open lie on one stack, until the list or map closes and takes those that are its own. */

struct reader {
    struct arena *arena;
    struct span rest;
    VEC(const struct kube_node *) open; /* children of what is open; keys and values by turns */
    size_t *nodes_left;
    struct kube_fault *fault;
    bool wants_positions;
    bool is_dropping; /* within a value that is checked, but not kept */
    const char *counted_to;
    struct kube_pos counted; /* where counted_to stands */
};

static const struct kube_node dropped = { .kind = KUBE_NODE_NULL, .weight = 1 };

/* ---- places and faults ------------------------------------------------------------------------- */

/* Columns count characters. The text is gone through once for all places. */
static struct kube_pos place(struct reader *reader)
{
    for (; reader->counted_to < reader->rest.ptr; reader->counted_to++) {
        if (*reader->counted_to == '\n')
            reader->counted = (struct kube_pos){ reader->counted.line + 1, 1 };
        else if ((*reader->counted_to & 0xC0) != 0x80) /* begins a character */
            reader->counted.column++;
    }
    return reader->counted;
}

static struct kube_pos node_place(struct reader *reader)
{
    return reader->wants_positions ? place(reader) : (struct kube_pos){ 0 };
}

/* Returns NULL, as what could not be read. */
static const struct kube_node *refuse(struct reader *reader, enum diag_code code,
                                      struct span message, struct span mend)
{
    *reader->fault = (struct kube_fault){ code, place(reader), message, mend };
    return NULL;
}

static const struct kube_node *refuse_syntax(struct reader *reader, const char *message,
                                             const char *mend)
{
    if (reader->rest.len == 0)
        return refuse(reader, DIAG_SYNTAX, SPAN("the text ends too soon"),
                      SPAN("close the bracket or quote that is open"));
    return refuse(reader, DIAG_SYNTAX, span_from_str(message), span_from_str(mend));
}

static bool nodes_take(struct reader *reader)
{
    if (reader->is_dropping)
        return true;
    if (*reader->nodes_left > 0) {
        --*reader->nodes_left;
        return true;
    }
    refuse(reader, DIAG_FILE_TOO_LARGE,
           arena_printf(reader->arena, "more than %d values", KUBE_NODES_MAX),
           SPAN("split the file, and keep to Kubernetes objects"));
    return false;
}

/* ---- tokens ------------------------------------------------------------------------------------ */

static void advance(struct reader *reader, size_t len)
{
    reader->rest = span_of(reader->rest.ptr + len, reader->rest.len - len);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* The byte that comes next, space aside; 0 where nothing does. */
static char peek(struct reader *reader)
{
    while (reader->rest.len > 0 && is_space(reader->rest.ptr[0]))
        advance(reader, 1);
    return reader->rest.len > 0 ? reader->rest.ptr[0] : '\0';
}

static bool take(struct reader *reader, char byte)
{
    if (peek(reader) != byte || reader->rest.len == 0)
        return false;
    advance(reader, 1);
    return true;
}

/* ---- scalars ----------------------------------------------------------------------------------- */

static const struct kube_node *scalar_new(struct reader *reader, enum kube_node_kind kind,
                                          struct kube_pos pos, struct span text)
{
    if (!nodes_take(reader))
        return NULL;
    return reader->is_dropping ? &dropped : kube_node_new_scalar(reader->arena, kind, pos, text);
}

static const struct kube_node *string_refuse(struct reader *reader,
                                             enum kube_json_string_result result)
{
    switch (result) {
    case KUBE_JSON_STRING_OK:
    case KUBE_JSON_STRING_OPEN:
        break;
    case KUBE_JSON_STRING_CONTROL:
        return refuse_syntax(reader, "a control character stands in a string",
                             "write line breaks in strings as \\n, tabs as \\t");
    case KUBE_JSON_STRING_NOT_UTF8:
        return refuse_syntax(reader, "a string is not UTF-8", "save the file as UTF-8");
    case KUBE_JSON_STRING_BAD_ESCAPE:
        return refuse_syntax(reader, "this is no escape of JSON",
                             "write a backslash as \\\\, and other characters as they are");
    case KUBE_JSON_STRING_LONE_SURROGATE:
        return refuse_syntax(reader, "half a surrogate pair is no character",
                             "write the character itself, in UTF-8");
    case KUBE_JSON_STRING_NUL:
        return refuse_syntax(reader, "no text of an object may hold \\u0000", "remove it");
    }
    return refuse_syntax(reader, NULL, NULL);
}

static const struct kube_node *string_read(struct reader *reader)
{
    struct kube_pos pos = node_place(reader);
    struct span text;

    advance(reader, 1);
    int r = kube_json_string(reader->arena, &reader->rest, &text);
    if (r != KUBE_JSON_STRING_OK)
        return string_refuse(reader, (enum kube_json_string_result)r);
    return scalar_new(reader, KUBE_NODE_STRING, pos, text);
}

static size_t digits_len(struct span text, size_t at)
{
    size_t start = at;

    while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
        at++;
    return at - start;
}

static bool byte_is(struct span text, size_t at, char byte)
{
    return at < text.len && text.ptr[at] == byte;
}

size_t kube_json_number_len(struct span text)
{
    size_t at = byte_is(text, 0, '-'), whole = digits_len(text, at);

    if (whole == 0 || (whole > 1 && text.ptr[at] == '0'))
        return 0;
    at += whole;
    if (byte_is(text, at, '.')) {
        size_t fraction = digits_len(text, at + 1);
        if (fraction == 0)
            return 0;
        at += 1 + fraction;
    }
    if (byte_is(text, at, 'e') || byte_is(text, at, 'E')) {
        at++;
        at += byte_is(text, at, '+') || byte_is(text, at, '-');
        size_t exponent = digits_len(text, at);
        return exponent > 0 ? at + exponent : 0;
    }
    return at;
}

static const struct kube_node *number_read(struct reader *reader)
{
    struct kube_pos pos = node_place(reader);
    size_t len = kube_json_number_len(reader->rest);
    struct span text = span_upto(reader->rest, len);

    if (len == 0)
        return refuse_syntax(reader, "this is no number of JSON",
                             "write it like 80 or -1.5e3, or in quotes if it is a text");
    advance(reader, len);
    return scalar_new(reader, KUBE_NODE_NUMBER, pos, text);
}

static const struct kube_node *word_read(struct reader *reader)
{
    static const struct {
        struct span text;
        enum kube_node_kind kind;
        bool truth;
    } words[] = {
        { { "true", 4 }, KUBE_NODE_BOOL, true },
        { { "false", 5 }, KUBE_NODE_BOOL, false },
        { { "null", 4 }, KUBE_NODE_NULL, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (!span_starts_with(reader->rest, words[i].text))
            continue;
        struct kube_pos pos = node_place(reader);
        advance(reader, words[i].text.len);
        if (!nodes_take(reader))
            return NULL;
        if (reader->is_dropping)
            return &dropped;
        struct kube_node *node =
            kube_node_new_scalar(reader->arena, words[i].kind, pos, words[i].text);
        node->truth = words[i].truth;
        return node;
    }
    return refuse_syntax(
        reader, "no value begins like this",
        "JSON takes double-quoted strings, numbers, true, false, null; no comments");
}

/* ---- lists and maps ---------------------------------------------------------------------------- */

static const struct kube_node *value_read(struct reader *reader, struct span key, int depth);

/* Takes the children from `first` on off the stack. */
static const struct kube_node *close(struct reader *reader, enum kube_node_kind kind,
                                     struct kube_pos pos, size_t first)
{
    const struct kube_node *const *children = vec_from(&reader->open, first);
    size_t len = reader->open.len - first;

    reader->open.len = first;
    if (reader->is_dropping)
        return &dropped;
    return kind == KUBE_NODE_LIST ? kube_node_new_list(reader->arena, pos, children, len)
                                  : kube_node_new_map(reader->arena, pos, children, len);
}

static const struct kube_node *list_read(struct reader *reader, int depth)
{
    struct kube_pos pos = node_place(reader);
    size_t first = reader->open.len;

    advance(reader, 1);
    if (take(reader, ']'))
        return close(reader, KUBE_NODE_LIST, pos, first);
    do {
        const struct kube_node *item = value_read(reader, SPAN_EMPTY, depth);
        if (!item)
            return NULL;
        vec_push(&reader->open, item);
    } while (take(reader, ','));
    if (!take(reader, ']'))
        return refuse_syntax(reader, "a comma or ']' is missing",
                             "separate values by commas, and none after the last");
    return close(reader, KUBE_NODE_LIST, pos, first);
}

/* `own_key`: what the map itself is the value of. */
static bool member_read(struct reader *reader, struct span own_key, int depth)
{
    if (peek(reader) != '"') {
        refuse_syntax(reader, "a key in double quotes is missing",
                      "write keys in double quotes, and no comma after the last member");
        return false;
    }
    const struct kube_node *key = string_read(reader);
    if (!key)
        return false;
    if (!take(reader, ':')) {
        refuse_syntax(reader, "a ':' is missing after the key", "write \"key\": value");
        return false;
    }
    bool was_dropping = reader->is_dropping;
    bool is_dropped =
        span_eq(key->text, SPAN("managedFields")) && span_eq(own_key, SPAN("metadata"));
    reader->is_dropping |= is_dropped;
    const struct kube_node *value = value_read(reader, key->text, depth);
    reader->is_dropping = was_dropping;
    if (!value)
        return false;
    if (is_dropped) {
        ++*reader->nodes_left; /* the key's */
        return true;
    }
    vec_push(&reader->open, key);
    vec_push(&reader->open, value);
    return true;
}

static const struct kube_node *map_read(struct reader *reader, struct span own_key, int depth)
{
    struct kube_pos pos = node_place(reader);
    size_t first = reader->open.len;

    advance(reader, 1);
    if (take(reader, '}'))
        return close(reader, KUBE_NODE_MAP, pos, first);
    do {
        if (!member_read(reader, own_key, depth))
            return NULL;
    } while (take(reader, ','));
    if (!take(reader, '}'))
        return refuse_syntax(reader, "a comma or '}' is missing",
                             "separate members by commas, and none after the last");
    return close(reader, KUBE_NODE_MAP, pos, first);
}

static const struct kube_node *value_read(struct reader *reader, struct span key, int depth)
{
    char first = peek(reader);

    if (first == '"')
        return string_read(reader);
    if (first == '-' || (first >= '0' && first <= '9'))
        return number_read(reader);
    if (first != '{' && first != '[')
        return word_read(reader);
    if (depth == KUBE_DEPTH_MAX)
        return refuse(reader, DIAG_TOO_DEEP,
                      arena_printf(reader->arena, "nested deeper than %d levels", KUBE_DEPTH_MAX),
                      SPAN("split the file, and keep to Kubernetes objects"));
    if (!nodes_take(reader))
        return NULL;
    return first == '[' ? list_read(reader, depth + 1) : map_read(reader, key, depth + 1);
}

enum kube_parse_result kube_json_parse(struct arena *arena, struct span text,
                                       struct kube_pos origin, bool wants_positions,
                                       size_t *nodes_left, const struct kube_node **ret_root,
                                       size_t *ret_bytes, struct kube_fault *ret_fault)
{
    struct reader reader = {
        .arena = arena,
        .rest = text,
        .nodes_left = nodes_left,
        .fault = ret_fault,
        .wants_positions = wants_positions,
        .counted_to = text.ptr,
        .counted = origin,
    };
    const struct kube_node *root = value_read(&reader, SPAN_EMPTY, 0);

    vec_deinit(&reader.open);
    if (!root)
        return KUBE_PARSE_FAULT;
    *ret_root = root;
    *ret_bytes = (size_t)(reader.rest.ptr - text.ptr);
    return KUBE_PARSE_OK;
}
