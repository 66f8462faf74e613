/*
 * completion: scripts for bash and zsh, printed from the verb table.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

typedef void (*each_f)(const struct gs_cli_option *o);

static void each_option(const struct gs_cli_verb *verb, each_f call)
{
    for (const struct gs_cli_option *o = verb->options; o && o->name; o++)
        call(o);
    for (const struct gs_cli_option *o = gs_cli_common_options(NULL); o->name;
         o++)
        if (gs_cli_takes(verb, o))
            call(o);
}

static void print_words(const char *const *words)
{
    for (size_t i = 0; words && words[i]; i++)
        printf("%s%s", i ? " " : "", words[i]);
}

/* The words that the first operand may be: a list, or the verbs. */
static void print_operands(const struct gs_cli_verb *verb)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    print_words(verb->words);
    for (size_t i = 0; strcmp(verb->name, "help") == 0 && i < n; i++)
        printf("%s%s", i ? " " : "", verbs[i].name);
}

static void bash_option(const struct gs_cli_option *o)
{
    printf(" --%s", o->name);
}

static void bash_value(const struct gs_cli_option *o)
{
    if (!o->value)
        return;
    printf("    --%s", o->name);
    if (o->letter)
        printf("|-%c", o->letter);
    if (o->choices) {
        printf(") COMPREPLY=($(compgen -W '");
        print_words(o->choices);
        printf("' -- \"$cur\")); return ;;\n");
    } else {
        printf(") COMPREPLY=($(compgen -f -- \"$cur\")); return ;;\n");
    }
}

static void bash(void)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    puts("# bash completion of genosched: source <(genosched completion bash)\n"
         "_genosched()\n{\n"
         "  local cur=${COMP_WORDS[COMP_CWORD]} "
         "prev=${COMP_WORDS[COMP_CWORD-1]}\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then");
    printf("    COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < n; i++)
        printf("%s%s", i ? " " : "", verbs[i].name);
    puts("' -- \"$cur\"))\n    return\n  fi\n"
         "  case ${COMP_WORDS[1]} in");
    for (size_t i = 0; i < n; i++) {
        printf("  %s)\n    case $prev in\n", verbs[i].name);
        each_option(&verbs[i], bash_value);
        printf("    esac\n    if [[ $cur == -* ]]; then\n"
               "      COMPREPLY=($(compgen -W '");
        each_option(&verbs[i], bash_option);
        printf("' -- \"$cur\"))\n    elif [ \"$COMP_CWORD\" -eq 2 ]; then\n"
               "      COMPREPLY=($(compgen -W '");
        print_operands(&verbs[i]);
        puts("' -- \"$cur\"))\n    else\n"
             "      COMPREPLY=($(compgen -f -- \"$cur\"))\n    fi ;;");
    }
    puts("  esac\n}\ncomplete -o filenames -F _genosched genosched");
}

/* Inside '…' and inside [...] of _arguments. */
static void print_quoted(const char *text)
{
    for (; *text; text++) {
        if (*text == '\'')
            printf("'\\''");
        else if (strchr("[]:\\", *text))
            printf("\\%c", *text);
        else
            putchar(*text);
    }
}

static void zsh_spec(const struct gs_cli_option *o, const char *dashed)
{
    printf(" \\\n      '%s[", dashed);
    print_quoted(o->help);
    putchar(']');
    if (o->value && o->choices) {
        printf(":%s:(", o->value);
        print_words(o->choices);
        putchar(')');
    } else if (o->value) {
        printf(":%s:_files", o->value);
    }
    putchar('\'');
}

static void zsh_option(const struct gs_cli_option *o)
{
    char dashed[64];
    snprintf(dashed, sizeof dashed, "--%s", o->name);
    zsh_spec(o, dashed);
    snprintf(dashed, sizeof dashed, "-%c", o->letter);
    if (o->letter)
        zsh_spec(o, dashed);
}

static void zsh(void)
{
    size_t n;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    puts("#compdef genosched\n"
         "_genosched()\n{\n  local -a verbs\n  verbs=(");
    for (size_t i = 0; i < n; i++) {
        printf("    '%s:", verbs[i].name);
        print_quoted(verbs[i].summary);
        puts("'");
    }
    puts("  )\n  if (( CURRENT == 2 )); then\n"
         "    _describe verb verbs\n    return\n  fi\n"
         "  local verb=$words[2]\n  shift words\n  (( CURRENT-- ))\n"
         "  case $verb in");
    for (size_t i = 0; i < n; i++) {
        printf("  %s)\n    _arguments", verbs[i].name);
        each_option(&verbs[i], zsh_option);
        printf(" \\\n      '1::operand:(");
        print_operands(&verbs[i]);
        puts(")' '*:file:_files' ;;");
    }
    puts("  esac\n}\n"
         "if [ \"$funcstack[1]\" = _genosched ]; then\n  _genosched \"$@\"\n"
         "else\n  compdef _genosched genosched\nfi");
}

int gs_cli_completion(int argc, char **argv)
{
    struct gs_cli_args args;
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    if (strcmp(args.operands[0], "zsh") == 0)
        zsh();
    else
        bash();
    return GS_EXIT_OK;
}
