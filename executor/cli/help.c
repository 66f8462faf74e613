/*
 * help: printed from the verb table, never written twice.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/suggest.h"

enum {
    WIDTH = 79,
    INDENT = 24,
};

/* Words of `text` from column INDENT on, the first line starting there. */
static void wrap(const char *text)
{
    int column = INDENT;
    while (*text) {
        int len = (int)strcspn(text, " ");
        if (column + len > WIDTH && column > INDENT) {
            printf("\n%*s", INDENT, "");
            column = INDENT;
        }
        printf("%s%.*s", column > INDENT ? " " : "", len, text);
        column += len + (column > INDENT);
        text += len;
        text += *text == ' ';
    }
    putchar('\n');
}

static void print_option(const struct gs_cli_option *o)
{
    char left[64], letter[8] = "    ";
    if (o->letter)
        snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(left, sizeof left, "  %s--%s%s%s", letter, o->name,
             o->value ? " " : "", o->value ? o->value : "");
    printf("%-*s", INDENT - 1, left);
    if (strlen(left) >= INDENT)
        printf("\n%*s", INDENT - 1, "");
    putchar(' ');
    wrap(o->help);
}

void gs_cli_help_verb(const struct gs_cli_verb *verb)
{
    printf("Usage: genosched %s [OPTION]...%s%s\n\n", verb->name,
           *verb->operands ? " " : "", verb->operands);
    printf("genosched %s: %s.\n\n", verb->name, verb->summary);
    if (*verb->text)
        printf("%s\n", verb->text);
    puts("Options:");
    for (const struct gs_cli_option *o = verb->options; o && o->name; o++)
        print_option(o);
    for (const struct gs_cli_option *o = gs_cli_common_options(NULL); o->name;
         o++)
        if (gs_cli_takes(verb, o))
            print_option(o);
}

void gs_cli_usage(void)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    puts("Usage: genosched VERB [OPTION]... [ARGUMENT]...\n");
    puts("Schedules the tasks of genomics pipelines by the memory that they "
         "really need.\n");
    puts("Verbs:");
    for (size_t i = 0; i < n; i++)
        printf("  %-12s %s\n", verbs[i].name, verbs[i].summary);
    puts("\n'genosched help VERB' tells more about one of them.\n\n"
         "Exit codes: 0 fine, 1 the answer is no or a task failed, 2 usage,\n"
         "3 configuration, 4 backend or credentials, 5 state, 70 internal "
         "error.");
}

int gs_cli_unknown_verb(const char *word)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    const char *best = NULL;
    int distance = 0;
    for (size_t i = 0; i < n; i++)
        gs_suggest(word, verbs[i].name, &best, &distance);
    if (best)
        return gs_cli_wrong("there is no verb '%s'; did you mean '%s'?", word,
                            best);
    return gs_cli_wrong("there is no verb '%s'; 'genosched help' lists them",
                        word);
}

static void add_option(cJSON *list, const struct gs_cli_option *o)
{
    cJSON *one = cJSON_CreateObject();
    char letter[2] = {o->letter, '\0'};
    gs_json_add_string(one, "name", o->name);
    gs_json_add_string(one, "letter", o->letter ? letter : NULL);
    gs_json_add_string(one, "value", o->value);
    gs_json_add_string(one, "help", o->help);
    cJSON_AddItemToArray(list, one);
}

static int as_json(const char *only)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    cJSON *out = gs_cli_document("help");
    cJSON *list = cJSON_AddArrayToObject(out, "verbs");
    for (size_t i = 0; i < n; i++) {
        if (only && strcmp(only, verbs[i].name) != 0)
            continue;
        cJSON *one = cJSON_CreateObject();
        gs_json_add_string(one, "name", verbs[i].name);
        gs_json_add_string(one, "operands", verbs[i].operands);
        gs_json_add_string(one, "summary", verbs[i].summary);
        cJSON *options = cJSON_AddArrayToObject(one, "options");
        for (const struct gs_cli_option *o = verbs[i].options; o && o->name;
             o++)
            add_option(options, o);
        for (const struct gs_cli_option *o = gs_cli_common_options(NULL);
             o->name; o++)
            if (gs_cli_takes(&verbs[i], o))
                add_option(options, o);
        cJSON_AddItemToArray(list, one);
    }
    return gs_cli_print_json(out);
}

int gs_cli_help(int argc, char **argv)
{
    struct gs_cli_args args;
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    const char *which = args.n_operands ? args.operands[0] : NULL;
    if (which && !gs_cli_verb_find(which))
        return gs_cli_unknown_verb(which);
    if (gs_cli_flag(&args, "json"))
        return as_json(which);
    if (!which) {
        gs_cli_usage();
        return GS_EXIT_OK;
    }
    gs_cli_help_verb(gs_cli_verb_find(which));
    return GS_EXIT_OK;
}
