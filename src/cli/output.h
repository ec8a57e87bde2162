/* cli/output.h
 *
 * Purpose    The flag --output text|json that every command with a result has. */
#ifndef YETT_CLI_OUTPUT_H
#define YETT_CLI_OUTPUT_H

#include "cli/options.h"

enum output { OUTPUT_TEXT, OUTPUT_JSON };

#define OUTPUT_OPTION(target, field)                                                      \
    OPTION_FLAG(target, "output", CHOICE, field, "text|json",                             \
                "What to print: text for people, one JSON document for programs (text).", \
                .letter = 'o', .choices = "text|json")

#endif
