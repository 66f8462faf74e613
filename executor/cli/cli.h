/*
 * cli: what all verbs share. One table describes every verb and its options;
 * getopt_long, `help`, `completion` and "did you mean" all read it.
 *
 * Only this room prints results or exits. Data goes to stdout, talk to stderr.
 */
#ifndef GS_CLI_CLI_H
#define GS_CLI_CLI_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/config.h"
#include "base/error.h"

enum gs_exit {
    GS_EXIT_OK = 0,
    GS_EXIT_NO = 1,       /* the answer is no, or a task failed */
    GS_EXIT_USAGE = 2,    /* the command line is wrong */
    GS_EXIT_CONFIG = 3,   /* the configuration is wrong */
    GS_EXIT_BACKEND = 4,  /* backend or credentials */
    GS_EXIT_STATE = 5,    /* the state store */
    GS_EXIT_INTERNAL = 70 /* a bug, or no memory */
};

struct gs_cli_option {
    const char *name;           /* long, without dashes */
    char letter;                /* 0: none */
    const char *value;          /* "FILE", NULL: a flag */
    const char *const *choices; /* NULL-terminated, NULL: anything */
    const char *help;
};

enum gs_cli_common {
    GS_CLI_CONFIG = 1, /* takes --config FILE */
    GS_CLI_JSON = 2,   /* takes --json */
    GS_CLI_COLOR = 4,  /* takes --color WHEN */
    GS_CLI_SCOPE = 8,  /* wants a cgroup that it may divide */
};

typedef int (*gs_verb_f)(int argc, char **argv);

struct gs_cli_verb {
    const char *name;
    gs_verb_f call;       /* argv[0] is the verb; returns the exit code */
    const char *operands; /* "[RUN]", "" */
    int min_operands, max_operands;
    const char *const *words; /* what the first operand may be, or NULL */
    unsigned common;
    const struct gs_cli_option *options; /* ends with a NULL name, or NULL */
    const char *summary;                 /* half a line */
    const char *text;                    /* paragraphs and examples */
};

const struct gs_cli_verb *gs_cli_verbs(size_t *n);
const struct gs_cli_verb *gs_cli_verb_find(const char *name);
/* The options that `common` stands for, -h included; ends with NULL. */
const struct gs_cli_option *gs_cli_common_options(size_t *n);
bool gs_cli_takes(const struct gs_cli_verb *verb,
                  const struct gs_cli_option *common);

enum {
    GS_CLI_MAX_OPTIONS = 16, /* of one verb, common ones included */
    GS_CLI_GO = -1,
};

struct gs_cli_args {
    const struct gs_cli_verb *verb;
    struct {
        const char *name;
        const char *value; /* "" for a flag; NULL: not given */
    } given[GS_CLI_MAX_OPTIONS];
    char **operands; /* borrowed from argv */
    int n_operands;
};

/* Reads the options of the verb argv[0]. GS_CLI_GO: go on; otherwise return
 * it as the exit code (help was printed, or the usage was wrong). */
int gs_cli_parse(int argc, char **argv, struct gs_cli_args *args);
/* NULL if it was not given. The last one counts. */
const char *gs_cli_value(const struct gs_cli_args *args, const char *option);
bool gs_cli_flag(const struct gs_cli_args *args, const char *option);

void gs_cli_usage(void);                               /* all verbs */
void gs_cli_help_verb(const struct gs_cli_verb *verb); /* one verb */

/* "genosched: …" on stderr; returns GS_EXIT_USAGE. */
int gs_cli_wrong(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for a word that is no verb. */
int gs_cli_unknown_verb(const char *word);
/* The same for a failure; returns the exit code that fits it. */
int gs_cli_fail(const struct gs_error *err);
int gs_cli_exit_code(enum gs_error_code code);
/* Prints "genosched: LEVEL: …" on stderr, coloured on a terminal. */
void gs_cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The configuration in force for --config; NULL on failure, said already,
 * with the exit code in *rc. */
struct gs_config *gs_cli_load_config(const struct gs_cli_args *args, int *rc);

/* Parses, loads the configuration and calls; prints the error of a call that
 * returns -1, otherwise returns the exit code that it returned. */
typedef int (*gs_cli_body_f)(const struct gs_cli_args *args,
                             const struct gs_config *config,
                             struct gs_error *err);
int gs_cli_with_config(int argc, char **argv, gs_cli_body_f body);

/* A new document: {"schema":"genosched.NAME/1"}. */
cJSON *gs_cli_document(const char *name);
/* Prints it, indented, and deletes it; returns GS_EXIT_OK. */
int gs_cli_print_json(cJSON *document);

/* Colour: on a terminal, unless NO_COLOR or --color says otherwise. */
enum gs_style {
    GS_STYLE_BOLD,
    GS_STYLE_DIM,
    GS_STYLE_GOOD,
    GS_STYLE_WARN,
    GS_STYLE_BAD,
};
void gs_cli_color(const struct gs_cli_args *args);
/* Borrowed escape sequences, "" without colour. */
const char *gs_style(enum gs_style style);
const char *gs_plain(void);

/* Verbs, one file each. */
int gs_cli_serve(int argc, char **argv);
int gs_cli_version(int argc, char **argv);
int gs_cli_help(int argc, char **argv);
int gs_cli_config(int argc, char **argv);
int gs_cli_completion(int argc, char **argv);
int gs_cli_doctor(int argc, char **argv);
int gs_cli_status(int argc, char **argv);
int gs_cli_tasks(int argc, char **argv);
int gs_cli_explain(int argc, char **argv);
int gs_cli_cancel(int argc, char **argv);
int gs_cli_log(int argc, char **argv);

#endif
