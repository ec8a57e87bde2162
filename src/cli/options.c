#include "cli/options.h"

#include "base/num.h"
#include "cli/words.h"

/* The words of a command line, read from left to right. A value that follows its flag as a word of
 * its own is taken whatever it looks like, as Go's flag packages do. */
struct option_reader {
    const struct option_table *table;
    char **argv;
    int argc, at;
    char *target;
    struct option_words *words;
};

static const struct option boolean_help = { .name = "help", .letter = 'h', .kind = OPTION_BOOL };

void option_words_init(struct option_words *words)
{
    *words = (struct option_words){ 0 };
}

void option_words_deinit(struct option_words *words)
{
    vec_deinit(&words->operands);
    vec_deinit(&words->no_effect);
    buf_deinit(&words->error);
}

static const struct option *option_by_name(const struct option_table *table, struct span name)
{
    for (size_t i = 0; i < table->len; i++) {
        const struct option *option = &table->options[i];
        if (option->kind != OPTION_GROUP && span_eq(span_from_str(option->name), name))
            return option;
    }
    return span_eq(name, SPAN("help")) ? &boolean_help : NULL;
}

static const struct option *option_by_letter(const struct option_table *table, char letter)
{
    for (size_t i = 0; i < table->len; i++)
        if (table->options[i].kind != OPTION_GROUP && table->options[i].letter == letter)
            return &table->options[i];
    return letter == 'h' ? &boolean_help : NULL;
}

static const char *option_suggest(const struct option_table *table, struct span name)
{
    const char *nearest = NULL;
    unsigned nearest_distance = WORDS_FAR;

    for (size_t i = 0; i < table->len; i++) {
        const struct option *option = &table->options[i];
        struct span known = span_from_str(option->name);
        unsigned distance = words_distance(name, known);

        if (option->kind == OPTION_GROUP || !words_are_near(name, known))
            continue;
        if (distance < nearest_distance) {
            nearest = option->name;
            nearest_distance = distance;
        }
    }
    return nearest;
}

static int unknown_flag(const struct option_reader *reader, struct span name)
{
    const char *nearest = option_suggest(reader->table, name);
    struct buf *error = &reader->words->error;

    buf_printf(error, "--" SPAN_FMT ": there is no such flag", SPAN_ARG(name));
    if (nearest != NULL)
        buf_printf(error, "; did you mean --%s?", nearest);
    return OPTIONS_BAD;
}

static int bad_value(const struct option_reader *reader, const struct option *option,
                     struct span value, const char *what)
{
    buf_printf(&reader->words->error, "--%s: '" SPAN_FMT "' is %s", option->name, SPAN_ARG(value),
               what);
    return OPTIONS_BAD;
}

static int set_choice(const struct option_reader *reader, const struct option *option,
                      struct span value, uint32_t *ret_index)
{
    struct span rest = span_from_str(option->choices), word;

    for (uint32_t i = 0; span_split(&rest, '|', &word); i++) {
        if (!span_eq(word, value))
            continue;
        *ret_index = i;
        return OPTIONS_OK;
    }
    buf_printf(&reader->words->error, "--%s: '" SPAN_FMT "' is none of its values; give one of %s",
               option->name, SPAN_ARG(value), option->choices);
    return OPTIONS_BAD;
}

static int set_number(const struct option_reader *reader, const struct option *option,
                      struct span value, uint32_t *ret_number)
{
    uint32_t number;

    if (!num_parse_u32(value, option->max, &number) || number < option->min) {
        buf_printf(&reader->words->error,
                   "--%s: '" SPAN_FMT "' is not such a number; give one from %u to %u",
                   option->name, SPAN_ARG(value), option->min, option->max);
        return OPTIONS_BAD;
    }
    *ret_number = number;
    return OPTIONS_OK;
}

static int set_port(const struct option_reader *reader, const struct option *option,
                    struct span value, struct option_port *ret_port)
{
    if (option->may_be_off && span_eq(value, SPAN("off"))) {
        ret_port->is_off = true;
        return OPTIONS_OK;
    }
    if (span_eq(value, SPAN("0"))) /* the kernel chooses */
        ret_port->number = 0;
    else if (!num_parse_port(value, &ret_port->number))
        return bad_value(reader, option, value,
                         option->may_be_off ? "not a port; give a number from 1 to 65535, 0 for a "
                                              "free one, or off"
                                            : "not a port; give a number from 1 to 65535, or 0 for "
                                              "a free one");
    ret_port->is_off = false;
    return OPTIONS_OK;
}

static int set_duration(const struct option_reader *reader, const struct option *option,
                        struct span value, uint32_t *ret_ms)
{
    uint64_t ms;

    if (!num_parse_duration_ms(value, UINT32_MAX, &ms))
        return bad_value(reader, option, value,
                         "not a duration; give seconds (30) or a text such as 1m30s or 250ms");
    *ret_ms = (uint32_t)ms;
    return OPTIONS_OK;
}

/* As the original has it, an empty value switches the flag off. */
static int set_object(const struct option_reader *reader, const struct option *option,
                      struct span value, struct ingress_object_name *ret_object)
{
    struct ingress_object_name object = ingress_object_name_parse(value);

    if (value.len > 0 && span_is_empty(object.name))
        return bad_value(reader, option, value, "no name of an object; give it as NAMESPACE/NAME");
    *ret_object = object;
    return OPTIONS_OK;
}

static int set_endpoint(const struct option_reader *reader, const struct option *option,
                        struct span value, struct option_endpoint *ret_endpoint)
{
    size_t colon = span_rfind(value, ':');
    struct option_endpoint endpoint = { .is_set = true };

    if (value.len == 0) { /* switches the flag off */
        *ret_endpoint = (struct option_endpoint){ 0 };
        return OPTIONS_OK;
    }
    struct span host = span_upto(value, colon == SPAN_NOT_FOUND ? value.len : colon);
    struct span port = colon == SPAN_NOT_FOUND ? SPAN_EMPTY : span_from(value, colon + 1);
    if (span_starts_with(host, SPAN("[")) && span_ends_with(host, SPAN("]")))
        host = span_upto(span_from(host, 1), host.len - 2);
    bool is_port = span_eq(port, SPAN("0")) || num_parse_port(port, &endpoint.port);
    if (!is_port || (host.len > 0 && !ip_parse(host, &endpoint.ip)))
        return bad_value(reader, option, value,
                         "no address with a port; give one such as :8443 or 127.0.0.1:8443");
    *ret_endpoint = endpoint;
    return OPTIONS_OK;
}

static int set_value(const struct option_reader *reader, const struct option *option,
                     struct span value)
{
    char *field = reader->target + option->offset;

    switch (option->kind) {
    case OPTION_BOOL:
        if (!num_parse_bool(value, (bool *)field))
            return bad_value(reader, option, value, "neither true nor false; give one of them");
        return OPTIONS_OK;
    case OPTION_TEXT:
        *(struct span *)field = value;
        return OPTIONS_OK;
    case OPTION_CHOICE:
        return set_choice(reader, option, value, (uint32_t *)field);
    case OPTION_NUMBER:
        return set_number(reader, option, value, (uint32_t *)field);
    case OPTION_PORT:
        return set_port(reader, option, value, (struct option_port *)field);
    case OPTION_DURATION:
        return set_duration(reader, option, value, (uint32_t *)field);
    case OPTION_ADDRESS:
        if (!ip_parse(value, (struct ip_addr *)field))
            return bad_value(reader, option, value,
                             "no IP address; give one such as 127.0.0.1 or ::");
        return OPTIONS_OK;
    case OPTION_ENDPOINT:
        return set_endpoint(reader, option, value, (struct option_endpoint *)field);
    case OPTION_OBJECT:
        return set_object(reader, option, value, (struct ingress_object_name *)field);
    case OPTION_LIST:
        vec_push(&((struct option_list *)field)->values, value);
        return OPTIONS_OK;
    case OPTION_GROUP:
        break;
    }
    unreachable();
}

static void note_no_effect(const struct option_reader *reader, const struct option *option)
{
    vec_for_each (known, &reader->words->no_effect)
        if (*known == option)
            return;
    vec_push(&reader->words->no_effect, option);
}

/* `value` has ptr NULL where none is written to the flag itself: "--name=value", "-Xvalue". */
static int take_flag(struct option_reader *reader, const struct option *option, struct span value)
{
    bool is_switch = option->kind == OPTION_BOOL;

    if (option == &boolean_help)
        return OPTIONS_HELP;
    if (value.ptr == NULL && is_switch)
        value = SPAN("true");
    if (value.ptr == NULL && reader->at == reader->argc) {
        buf_printf(&reader->words->error, "--%s: its value is missing; give --%s %s", option->name,
                   option->name, option->value ? option->value : "VALUE");
        return OPTIONS_BAD;
    }
    if (value.ptr == NULL)
        value = span_from_str(reader->argv[reader->at++]);
    if (option->no_effect != NULL) {
        note_no_effect(reader, option);
        return OPTIONS_OK;
    }
    return set_value(reader, option, value);
}

static int take_word(struct option_reader *reader, struct span word)
{
    bool is_long = span_starts_with(word, SPAN("--"));
    struct span body = span_from(word, is_long ? 2 : 1);
    size_t equals = span_find(body, '=');
    struct span name = equals == SPAN_NOT_FOUND ? body : span_upto(body, equals);
    struct span value = { NULL, 0 };

    if (equals != SPAN_NOT_FOUND)
        value = span_from(body, equals + 1);

    const struct option *option = option_by_name(reader->table, name);
    if (option != NULL)
        return take_flag(reader, option, value);
    if (is_long || name.len == 0)
        return unknown_flag(reader, name);

    option = option_by_letter(reader->table, name.ptr[0]);
    if (option == NULL || (name.len > 1 && option->kind == OPTION_BOOL))
        return unknown_flag(reader, name);
    return take_flag(reader, option, name.len == 1 ? value : span_from(body, 1)); /* "-XPOST" */
}

int options_parse(const struct option_table *table, int argc, char **argv, void *target,
                  struct option_words *words)
{
    struct option_reader reader = { table, argv, argc, 1, target, words };
    bool flags_are_over = false;

    while (reader.at < argc) {
        const char *word = argv[reader.at++];

        if (!flags_are_over && strcmp(word, "--") == 0) {
            flags_are_over = true;
            continue;
        }
        if (flags_are_over || word[0] != '-' || word[1] == '\0') {
            vec_push(&words->operands, word);
            continue;
        }
        int r = take_word(&reader, span_from_str(word));
        if (r != OPTIONS_OK)
            return r;
    }
    return OPTIONS_OK;
}
