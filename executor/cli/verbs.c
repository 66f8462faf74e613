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

static const struct gs_cli_option status_options[] = {
    {"watch", 'w', NULL, NULL,
     "go on until the run ends: redrawn on a terminal, else a line a change"},
    {"list", 'l', NULL, NULL, "list the runs in the state folder"},
    {NULL, 0, NULL, NULL, NULL},
};

static const char *const sorts[] = {"submitted", "started", "ended", "name",
                                    "process",   "state",   "limit", "peak",
                                    "wall",      "cpu",     NULL};

static const struct gs_cli_option tasks_options[] = {
    {"state", 's', "STATE", NULL,
     "only these, with commas: pending, dispatched, running, succeeded, "
     "failed, cancelled, lost"},
    {"process", 'p', "NAME", NULL, "only of this process; * and ? match"},
    {"sort", 0, "BY", sorts,
     "submitted (default), started, ended, name, process, state, limit, "
     "peak, wall or cpu"},
    {"reverse", 'r', NULL, NULL, "the other way round"},
    {"tsv", 0, NULL, NULL, "print tab-separated values, sizes in bytes"},
    {NULL, 0, NULL, NULL, NULL},
};

#define RUN_OPTION                                                             \
    {                                                                          \
        "run", 0, "RUN", NULL, "the run (default: the one that changed last)"  \
    }

static const struct gs_cli_option explain_options[] = {
    RUN_OPTION,
    {NULL, 0, NULL, NULL, NULL},
};

static const struct gs_cli_option cancel_options[] = {
    RUN_OPTION,
    {"all", 'a', NULL, NULL, "every task of the run that is not final"},
    {"no-wait", 0, NULL, NULL, "do not wait until they are gone"},
    {NULL, 0, NULL, NULL, NULL},
};

static const struct gs_cli_option log_options[] = {
    RUN_OPTION,
    {"lines", 'n', "N", NULL, "how many lines (default: 50)"},
    {"stderr", 'e', NULL, NULL, "what it wrote to standard error"},
    {"path", 0, NULL, NULL, "print where the file is, not what is in it"},
    {NULL, 0, NULL, NULL, NULL},
};

static const struct gs_cli_verb verbs[] = {
    {"serve", gs_cli_serve, "", 0, 0, NULL, GS_CLI_CONFIG | GS_CLI_SCOPE, NULL,
     "speak the protocol on standard input and output",
     "Started by the plugins of Nextflow and Snakemake; there is no need to "
     "start it by hand.\n"
     "One JSON-RPC 2.0 request a line on standard input, one reply a line on "
     "standard output;\nmessages for people go to standard error.\n"},
    {"status", gs_cli_status, "[RUN]", 0, 1, NULL,
     GS_CLI_CONFIG | GS_CLI_JSON | GS_CLI_COLOR, status_options,
     "how a run is doing",
     "RUN is an id, its beginning, or the engine's name of the run; without "
     "it, the run\nthat changed last. Ends with 1 if a task has failed for "
     "good.\n\n"
     "Examples:\n"
     "  genosched status -w\n"
     "  genosched status --list\n"
     "  genosched status --json\n"},
    {"tasks", gs_cli_tasks, "[RUN]", 0, 1, NULL,
     GS_CLI_CONFIG | GS_CLI_JSON | GS_CLI_COLOR, tasks_options,
     "the tasks of a run with what they asked for, were given and used",
     "REQUEST is what the pipeline said, PREDICTED what was expected, LIMIT "
     "what is\nenforced, PEAK what the kernel counted, of the last attempt.\n"
     "\nExamples:\n"
     "  genosched tasks --state failed,lost\n"
     "  genosched tasks --process 'PHASE*' --sort peak --reverse\n"
     "  genosched tasks --tsv > tasks.tsv\n"},
    {"explain", gs_cli_explain, "TASK", 1, 1, NULL,
     GS_CLI_CONFIG | GS_CLI_JSON | GS_CLI_COLOR, explain_options,
     "all about one task: attempts, memory and why, what it waits for",
     "TASK is an id, its beginning, or the name of the task.\n\n"
     "Examples:\n"
     "  genosched explain 'IMPUTE (chr7)'\n"
     "  genosched explain 12 --json\n"},
    {"cancel", gs_cli_cancel, "[TASK]...", 0, -1, NULL,
     GS_CLI_CONFIG | GS_CLI_JSON, cancel_options, "stop tasks of a run",
     "The engine sees them as cancelled.\n\n"
     "Examples:\n"
     "  genosched cancel 'IMPUTE (chr7)'\n"
     "  genosched cancel --all\n"},
    {"log", gs_cli_log, "[TASK]", 0, 1, NULL, GS_CLI_CONFIG | GS_CLI_JSON,
     log_options, "the end of a task's output, or of the run's own log",
     "Examples:\n"
     "  genosched log\n"
     "  genosched log 'IMPUTE (chr7)' --stderr -n 20\n"},
    {"doctor", gs_cli_doctor, "", 0, 0, NULL,
     GS_CLI_CONFIG | GS_CLI_JSON | GS_CLI_COLOR | GS_CLI_SCOPE, NULL,
     "is everything there that a run needs, and what is in force",
     "Ends with 1 if something fails.\n"},
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
    {"help", gs_cli_help, "[VERB]", 0, 1, NULL, GS_CLI_JSON, NULL,
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
