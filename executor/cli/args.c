/*
 * args: one verb's options, read by getopt_long from the verb table.
 */
#include "cli/cli.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/suggest.h"

enum {
    FIRST_CODE = 1000, /* getopt's value of the first option of the list */
};

/* The verb's own options, then the common ones that it takes. */
static size_t gather(const struct gs_cli_verb *verb,
                     const struct gs_cli_option **list)
{
    size_t n = 0;
    for (const struct gs_cli_option *o = verb->options; o && o->name; o++)
        if (n < GS_CLI_MAX_OPTIONS)
            list[n++] = o;
    for (const struct gs_cli_option *o = gs_cli_common_options(NULL); o->name;
         o++)
        if (gs_cli_takes(verb, o) && n < GS_CLI_MAX_OPTIONS)
            list[n++] = o;
    return n;
}

static void fill(const struct gs_cli_option *const *list, size_t n,
                 struct option *longs, char *shorts)
{
    *shorts++ = ':';
    for (size_t i = 0; i < n; i++) {
        longs[i] = (struct option){
            list[i]->name, list[i]->value ? required_argument : no_argument,
            NULL, FIRST_CODE + (int)i};
        if (!list[i]->letter)
            continue;
        *shorts++ = list[i]->letter;
        if (list[i]->value)
            *shorts++ = ':';
    }
    longs[n] = (struct option){NULL, 0, NULL, 0};
    *shorts = '\0';
}

static int unknown_option(const struct gs_cli_verb *verb, const char *word,
                          const struct gs_cli_option *const *list, size_t n)
{
    const char *best = NULL;
    int distance = 0;
    size_t len = strcspn(word, "=");
    gs_auto_free char *name = gs_format("%.*s", (int)len, word);
    for (size_t i = 0; name[0] == '-' && name[1] == '-' && i < n; i++)
        gs_suggest(name + 2, list[i]->name, &best, &distance);
    if (best && distance == 0)
        return gs_cli_wrong("%s: option %s takes no value", verb->name, name);
    if (best)
        return gs_cli_wrong("%s: unknown option %s; did you mean --%s?",
                            verb->name, name, best);
    return gs_cli_wrong("%s: unknown option %s; 'genosched help %s' lists them",
                        verb->name, name, verb->name);
}

static int check_choice(const struct gs_cli_verb *verb, const char *what,
                        const char *const *choices, const char *value)
{
    const char *best = NULL;
    int distance = 0;
    gs_auto_free char *all = gs_strdup("");
    for (; *choices; choices++) {
        if (strcmp(*choices, value) == 0)
            return GS_CLI_GO;
        gs_suggest(value, *choices, &best, &distance);
        char *longer = gs_format("%s%s%s", all, *all ? ", " : "", *choices);
        gs_cleanup_free(&all);
        all = longer;
    }
    if (best)
        return gs_cli_wrong("%s: %s cannot be '%s'; did you mean '%s'?",
                            verb->name, what, value, best);
    return gs_cli_wrong("%s: %s cannot be '%s'; it is one of %s", verb->name,
                        what, value, all);
}

static int take(struct gs_cli_args *args, size_t slot,
                const struct gs_cli_option *option, const char *value)
{
    if (option->choices) {
        gs_auto_free char *what = gs_format("--%s", option->name);
        int rc = check_choice(args->verb, what, option->choices, value);
        if (rc != GS_CLI_GO)
            return rc;
    }
    args->given[slot].value = value ? value : "";
    return GS_CLI_GO;
}

static int check_operands(const struct gs_cli_args *args)
{
    const struct gs_cli_verb *verb = args->verb;
    if (args->n_operands < verb->min_operands)
        return gs_cli_wrong("%s: something is missing; it is used as: "
                            "genosched %s %s",
                            verb->name, verb->name, verb->operands);
    if (verb->max_operands >= 0 && args->n_operands > verb->max_operands)
        return gs_cli_wrong("%s: '%s' is one word too many; it is used as: "
                            "genosched %s %s",
                            verb->name, args->operands[verb->max_operands],
                            verb->name, verb->operands);
    if (verb->words && args->n_operands > 0)
        return check_choice(verb, "the first word", verb->words,
                            args->operands[0]);
    return GS_CLI_GO;
}

int gs_cli_parse(int argc, char **argv, struct gs_cli_args *args)
{
    const struct gs_cli_option *list[GS_CLI_MAX_OPTIONS];
    struct option longs[GS_CLI_MAX_OPTIONS + 1];
    char shorts[2 * GS_CLI_MAX_OPTIONS + 2];
    *args = (struct gs_cli_args){.verb = gs_cli_verb_find(argv[0])};
    if (!args->verb)
        return GS_EXIT_INTERNAL;
    size_t n = gather(args->verb, list);
    fill(list, n, longs, shorts);
    for (size_t i = 0; i < n; i++)
        args->given[i].name = list[i]->name;
    optind = 0; /* start over: GNU */
    opterr = 0;
    for (;;) {
        int before = optind ? optind : 1;
        int code = getopt_long(argc, argv, shorts, longs, NULL);
        size_t i = 0;
        if (code == -1)
            break;
        if (code == ':')
            return gs_cli_wrong("%s: option %s needs a value", args->verb->name,
                                argv[optind - 1]);
        while (code < FIRST_CODE && i < n && list[i]->letter != code)
            i++;
        if (code >= FIRST_CODE)
            i = (size_t)(code - FIRST_CODE);
        if (code == '?' || i >= n)
            return unknown_option(args->verb,
                                  argv[optind > before ? optind - 1 : before],
                                  list, n);
        if (strcmp(list[i]->name, "help") == 0) {
            gs_cli_help_verb(args->verb);
            return GS_EXIT_OK;
        }
        int rc = take(args, i, list[i], list[i]->value ? optarg : NULL);
        if (rc != GS_CLI_GO)
            return rc;
    }
    args->operands = argv + optind;
    args->n_operands = argc - optind;
    gs_cli_color(args);
    return check_operands(args);
}

const char *gs_cli_value(const struct gs_cli_args *args, const char *option)
{
    for (size_t i = 0; i < GS_CLI_MAX_OPTIONS && args->given[i].name; i++)
        if (strcmp(args->given[i].name, option) == 0)
            return args->given[i].value;
    return NULL;
}

bool gs_cli_flag(const struct gs_cli_args *args, const char *option)
{
    return gs_cli_value(args, option) != NULL;
}
