/* cli/options.h
 *
 * Purpose    Command-line flags from one declarative table: parsing, errors that name the mend, help.
 *            --name value, --name=value, Go's -name value, --switch, --switch=false, -X value.
 * Ownership  Parsed values borrow from argv; option_words owns its arrays and its error text.
 * Lifetime   option_words_init() … option_words_deinit(). The target holds the defaults before.
 * Errors     OPTIONS_BAD with words->error: one sentence, no newline. */
#ifndef YETT_CLI_OPTIONS_H
#define YETT_CLI_OPTIONS_H

#include <stdint.h>

#include "base/buf.h"
#include "base/ip.h"
#include "base/span.h"
#include "base/vec.h"
#include "ingress/names.h"

/* How a flag's value is read, and the type of the target's field at option.offset. */
enum option_kind {
    OPTION_GROUP,    /* no flag: a heading of the help text */
    OPTION_BOOL,     /* bool */
    OPTION_TEXT,     /* struct span */
    OPTION_CHOICE,   /* uint32_t: index of the word in option.choices */
    OPTION_NUMBER,   /* uint32_t from option.min to option.max */
    OPTION_PORT,     /* struct option_port */
    OPTION_DURATION, /* uint32_t, milliseconds */
    OPTION_ADDRESS,  /* struct ip_addr */
    OPTION_ENDPOINT, /* struct option_endpoint */
    OPTION_OBJECT,   /* struct ingress_object_name */
    OPTION_LIST,     /* struct option_list: the flag may be given several times */
};

struct option_port {
    uint16_t number;
    bool is_off;
};

/* "127.0.0.1:8443", "[::1]:8443", ":8443" (every address). */
struct option_endpoint {
    struct ip_addr ip;
    uint16_t port;
    bool is_set;
};

struct option_list {
    VEC(struct span) values;
};

struct option {
    const char *name; /* without dashes; the heading of a group */
    char letter;      /* 'v' for -v; 0: none */
    bool may_be_off;  /* OPTION_PORT: "off" is a value */
    enum option_kind kind;
    size_t offset;         /* of the field in the target */
    const char *value;     /* what help calls the value: "PORT" */
    const char *help;      /* a sentence or two */
    const char *choices;   /* OPTION_CHOICE: "text|json" */
    uint32_t min, max;     /* OPTION_NUMBER */
    const char *no_effect; /* accepted and reported only: why; the field is not written then */
};

#define OPTION_HEADING(text)               \
    {                                      \
        .name = text, .kind = OPTION_GROUP \
    }
/* A flag that fills `field` of struct `target`; more members may follow. */
#define OPTION_FLAG(target, flag, type, field, value_name, text, ...)           \
    {                                                                           \
        .name = flag, .kind = OPTION_##type, .offset = offsetof(target, field), \
        .value = value_name, .help = text __VA_OPT__(, ) __VA_ARGS__            \
    }

struct option_table {
    const struct option *options;
    size_t len;
};

struct option_words {
    VEC(const char *) operands;           /* what is no flag, in order; all after "--" */
    VEC(const struct option *) no_effect; /* flags given that have none, each once */
    struct buf error;
};

enum options_result { OPTIONS_OK = 0, OPTIONS_HELP, OPTIONS_BAD };

void option_words_init(struct option_words *words);
void option_words_deinit(struct option_words *words);

/* Reads argv[1..] into `target` and `words`. Returns an options_result; after OPTIONS_BAD the
 * target may hold the values of the flags before the wrong one. */
YETT_MUST_USE int options_parse(const struct option_table *table, int argc, char **argv,
                                void *target, struct option_words *words);

/* The table as help shows it: headings, flags with their wrapped sentences, then those without
 * effect. */
void options_help_append(const struct option_table *table, struct buf *out);

#endif
