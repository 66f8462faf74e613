/*
 * verbs: the table of the command line. A verb that is not here does not
 * exist; a text that is not here is in no help.
 */
#include "cli/cli.h"

#include <string.h>

static const char *const whens[] = {"auto", "always", "never", NULL};

static const struct gs_cli_option common[] = {
    {"help", 'h', NULL, NULL, "print this help"},
    {"config", 'c', "FILE", NULL,
     "configuration file (default: $GENOSCHED_CONFIG, ./genosched.yaml, "
     "~/.config/genosched/genosched.yaml)"},
    {"json", 0, NULL, NULL, "print one JSON document"},
    {"color", 0, "WHEN", whens, "colours: auto, always or never"},
    {NULL, 0, NULL, NULL, NULL},
};

static const char *const config_words[] = {"show", "check", "schema", "init",
                                           NULL};
static const char *const shells[] = {"bash", "zsh", NULL};

static const struct gs_cli_verb verbs[] = {
    {"serve", gs_cli_serve, "", 0, 0, NULL, GS_CLI_CONFIG, NULL,
     "speak the protocol on standard input and output",
     "Started by the plugins of Nextflow and Snakemake; there is no need to "
     "start it by hand.\n"
     "One JSON-RPC 2.0 request a line on standard input, one reply a line on "
     "standard output;\nmessages for people go to standard error.\n"},
    {"config", gs_cli_config, "show|check|schema|init [FILE]", 1, 2,
     config_words, GS_CLI_CONFIG | GS_CLI_JSON | GS_CLI_COLOR, NULL,
     "show, check, describe or write the configuration",
     "  show          every key, its value and where that came from\n"
     "  check [FILE]  is the file right? Without FILE the one in force\n"
     "  schema        JSON Schema of genosched.yaml, for editors\n"
     "  init [FILE]   write a commented file with the defaults; without FILE\n"
     "                to standard output\n\n"
     "Examples:\n"
     "  genosched config init genosched.yaml\n"
     "  genosched config check genosched.yaml\n"
     "  genosched config show --json\n"},
    {"completion", gs_cli_completion, "bash|zsh", 1, 1, shells, 0, NULL,
     "print the completion script of a shell",
     "Examples:\n"
     "  source <(genosched completion bash)\n"
     "  genosched completion zsh > ~/.zfunc/_genosched\n"},
    {"version", gs_cli_version, "", 0, 0, NULL, GS_CLI_JSON, NULL,
     "print the versions of genosched and of its libraries", ""},
    {"help", gs_cli_help, "[VERB]", 0, 1, NULL, 0, NULL,
     "print help, about one verb if it is named", ""},
};

const struct gs_cli_verb *gs_cli_verbs(size_t *n)
{
    *n = sizeof verbs / sizeof *verbs;
    return verbs;
}

const struct gs_cli_verb *gs_cli_verb_find(const char *name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(verbs[i].name, name) == 0)
            return &verbs[i];
    return NULL;
}

const struct gs_cli_option *gs_cli_common_options(size_t *n)
{
    if (n)
        *n = sizeof common / sizeof *common - 1;
    return common;
}

bool gs_cli_takes(const struct gs_cli_verb *verb,
                  const struct gs_cli_option *option)
{
    static const unsigned bits[] = {0, GS_CLI_CONFIG, GS_CLI_JSON,
                                    GS_CLI_COLOR};
    unsigned bit = bits[option - common];
    return bit == 0 || (verb->common & bit);
}
