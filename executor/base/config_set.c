/*
 * config_set: checks one value against its option. Every way into a
 * configuration (defaults, YAML, JSON) goes through gs_config_set().
 */
#include "base/config_set.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/suggest.h"

enum {
    MAX_VALUE = 4096,
};

int gs_config_index(const char *key)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    for (size_t i = 0; i < n; i++)
        if (strcmp(options[i].key, key) == 0)
            return (int)i;
    return -1;
}

int gs_config_section(const char *key)
{
    size_t n, len = strlen(key);
    const struct gs_option *options = gs_config_options(&n);
    for (size_t i = 0; i < n; i++)
        if (len > 0 && strncmp(options[i].key, key, len) == 0 &&
            options[i].key[len] == '.')
            return (int)i;
    return -1;
}

/* The keys of the section that `key` would be in, or the top-level words. */
static char *list_keys(const char *key)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    const char *dot = strrchr(key, '.');
    size_t len = dot ? (size_t)(dot - key) + 1 : 0;
    char *list = gs_strdup("");
    const char *last = "";
    size_t last_len = 0;
    for (size_t i = 0; i < n; i++) {
        if (strncmp(options[i].key, key, len) != 0)
            continue;
        const char *word = options[i].key + len;
        size_t word_len = strcspn(word, ".");
        if (word_len == last_len && strncmp(word, last, word_len) == 0)
            continue;
        char *longer =
            gs_format("%s%s%.*s", list, *list ? ", " : "", (int)word_len, word);
        free(list);
        list = longer;
        last = word;
        last_len = word_len;
    }
    return list;
}

char *gs_config_hint(const char *key)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    const char *best = NULL;
    const char *dot = strrchr(key, '.');
    int distance = 0;
    for (size_t i = 0; i < n; i++)
        gs_suggest(key, options[i].key, &best, &distance);
    for (size_t i = 0; !best && !dot && i < n; i++) { /* a section's name */
        char word[64];
        const char *end = strchr(options[i].key, '.');
        if (!end || (size_t)(end - options[i].key) >= sizeof word)
            continue;
        snprintf(word, sizeof word, "%.*s", (int)(end - options[i].key),
                 options[i].key);
        const char *section = NULL;
        gs_suggest(key, word, &section, &distance);
        if (section)
            return gs_format("; did you mean '%s'?", word);
    }
    for (size_t i = 0; !best && i < n; i++) { /* right word, wrong section */
        const char *word = strrchr(options[i].key, '.');
        if (word && strcmp(word + 1, dot ? dot + 1 : key) == 0)
            best = options[i].key;
    }
    if (best)
        return gs_format("; did you mean '%s'?", best);
    gs_auto_free char *keys = list_keys(key);
    if (!*keys) {
        gs_auto_free char *top = list_keys("");
        return gs_format("; the keys are %s", top);
    }
    return gs_format("; the keys %s%.*s are %s", dot ? "of " : "there",
                     dot ? (int)(dot - key) : 0, key, keys);
}

static const char *home_folder(void)
{
    const char *home = getenv("HOME");
    if (home && *home == '/')
        return home;
    struct passwd *pw = getpwuid(getuid());
    return pw && pw->pw_dir && *pw->pw_dir == '/' ? pw->pw_dir : NULL;
}

/* `~/x`, `$NAME/x`, `${NAME}/x`: the first part replaced. NULL on failure. */
static char *expand(const char *text, struct gs_error *err)
{
    if (text[0] == '~' && (text[1] == '\0' || text[1] == '/')) {
        const char *home = home_folder();
        if (home)
            return gs_format("%s%s", home, text + 1);
        gs_fail(err, GS_ERR_INVALID,
                "'%s': there is no home folder; set HOME or write the whole "
                "path",
                text);
        return NULL;
    }
    if (text[0] != '$')
        return gs_strdup(text);
    bool braces = text[1] == '{';
    const char *name = text + 1 + braces;
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
                              "wxyz_0123456789");
    const char *rest = name + len;
    if (len == 0 || (braces && *rest++ != '}')) {
        gs_fail(err, GS_ERR_INVALID, "'%s': $NAME or ${NAME} is due", text);
        return NULL;
    }
    gs_auto_free char *variable = gs_format("%.*s", (int)len, name);
    const char *value = getenv(variable);
    if (value && *value)
        return gs_format("%s%s", value, rest);
    gs_fail(err, GS_ERR_INVALID,
            "'%s': the environment variable %s is not set; set it or write "
            "the whole path",
            text, variable);
    return NULL;
}

static int set_path(struct gs_config_value *v, const char *text,
                    const char *base_dir, struct gs_error *err)
{
    if (!*text)
        return gs_fail(err, GS_ERR_INVALID, "an empty path is no path");
    v->string = expand(text, err);
    if (!v->string)
        return -1;
    if (v->string[0] == '/')
        return 0;
    gs_auto_free char *cwd = NULL;
    if (!base_dir || *base_dir != '/') {
        cwd = getcwd(NULL, 0);
        if (!cwd)
            return gs_fail_errno(err, GS_ERR_SYSTEM,
                                 "cannot tell the current directory");
    }
    char *whole =
        gs_format("%s%s%s/%s", cwd ? cwd : "", cwd && base_dir ? "/" : "",
                  base_dir ? base_dir : "", v->string);
    free(v->string);
    v->string = whole;
    return 0;
}

static int set_choice(struct gs_config_value *v, const struct gs_option *option,
                      const char *text, struct gs_error *err)
{
    const char *best = NULL;
    int distance = 0;
    gs_auto_free char *list = gs_strdup("");
    for (size_t i = 0; option->choices[i]; i++) {
        const char *choice = option->choices[i];
        if (strcmp(choice, text) == 0) {
            v->string = gs_strdup(text);
            return 0;
        }
        char *longer = gs_format("%s%s%s", list, *list ? ", " : "", choice);
        free(list);
        list = longer;
        gs_suggest(text, choice, &best, &distance);
    }
    if (best)
        return gs_fail(err, GS_ERR_INVALID,
                       "'%.64s' is none of %s; did you mean '%s'?", text, list,
                       best);
    return gs_fail(err, GS_ERR_INVALID, "'%.64s' is none of: %s", text, list);
}

static int set_bool(struct gs_config_value *v, const char *text,
                    struct gs_error *err)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return gs_fail(err, GS_ERR_INVALID, "'%.64s' is not true or false",
                       text);
    v->boolean = *text == 't';
    return 0;
}

static int set_number(struct gs_config_value *v, const char *text, bool whole,
                      struct gs_error *err)
{
    char *end;
    errno = 0;
    size_t len = strspn(text, whole ? "-0123456789" : "-+.eE0123456789");
    double number = strtod(text, &end);
    if (len == 0 || text[len] || *end || end == text)
        return gs_fail(err, GS_ERR_INVALID, "'%.64s' is not a %snumber", text,
                       whole ? "whole " : "");
    if (errno == ERANGE || number > 9007199254740992.0 ||
        number < -9007199254740992.0)
        return gs_fail(err, GS_ERR_INVALID, "'%.64s' is too large", text);
    v->number = number;
    v->integer = (int64_t)number;
    return 0;
}

static int check_bounds(const struct gs_option *option, double value,
                        const char *text, struct gs_error *err)
{
    char low[32], high[32];
    if (value >= option->min && (option->max == 0 || value <= option->max))
        return 0;
    if (option->type == GS_OPTION_SIZE) {
        gs_print_size((int64_t)option->min, low, sizeof low);
        gs_print_size((int64_t)option->max, high, sizeof high);
    } else {
        const char *unit = option->type == GS_OPTION_DURATION ? " ms" : "";
        snprintf(low, sizeof low, "%.16g%s", option->min, unit);
        snprintf(high, sizeof high, "%.16g%s", option->max, unit);
    }
    if (option->max == 0)
        return gs_fail(err, GS_ERR_INVALID, "%s is below the least, %s", text,
                       low);
    return gs_fail(err, GS_ERR_INVALID, "%s is not between %s and %s", text,
                   low, high);
}

static int check(struct gs_config_value *v, const struct gs_option *option,
                 const char *text, const char *base_dir, struct gs_error *err)
{
    if (strlen(text) > MAX_VALUE)
        return gs_fail(err, GS_ERR_INVALID, "longer than %d bytes", MAX_VALUE);
    switch (option->type) {
    case GS_OPTION_BOOL:
        return set_bool(v, text, err);
    case GS_OPTION_INT:
    case GS_OPTION_NUMBER:
        if (set_number(v, text, option->type == GS_OPTION_INT, err) < 0)
            return -1;
        return check_bounds(option, v->number, text, err);
    case GS_OPTION_SIZE:
    case GS_OPTION_DURATION:
        if ((option->type == GS_OPTION_SIZE
                 ? gs_parse_size(text, &v->integer, err)
                 : gs_parse_duration(text, &v->integer, err)) < 0)
            return -1;
        return check_bounds(option, (double)v->integer, text, err);
    case GS_OPTION_CHOICE:
        return set_choice(v, option, text, err);
    case GS_OPTION_PATH:
        return set_path(v, text, base_dir, err);
    case GS_OPTION_STRING:
        break;
    }
    v->string = gs_strdup(text);
    return 0;
}

static void clear(struct gs_config_value *v)
{
    free(v->text);
    free(v->origin);
    free(v->string);
    *v = (struct gs_config_value){0};
}

/* What the environment says where neither file nor table has a default. */
static char *computed_default(const struct gs_option *option,
                              const char **origin)
{
    if (strcmp(option->key, "state_dir") != 0)
        return NULL;
    const char *state = getenv("GENOSCHED_STATE");
    const char *xdg = getenv("XDG_STATE_HOME");
    const char *home = home_folder();
    if (state && *state) {
        *origin = "$GENOSCHED_STATE";
        return gs_format("%s%s", strchr("~$", *state) ? "./" : "", state);
    }
    if (xdg && *xdg == '/')
        return gs_format("%s/genosched", xdg);
    if (home)
        return gs_format("%s/.local/state/genosched", home);
    return gs_format("/var/tmp/genosched-%ld", (long)getuid());
}

int gs_config_set(struct gs_config *config, int index, const char *text,
                  const char *origin, const char *base_dir,
                  struct gs_error *err)
{
    size_t n;
    const struct gs_option *option = &gs_config_options(&n)[index];
    struct gs_config_value v = {.integer = -1, .number = -1};
    gs_auto_free char *computed = NULL;
    if (!text) {
        origin = "default";
        text = option->fallback;
    }
    if (!text)
        text = computed = computed_default(option, &origin);
    if (text && check(&v, option, text, base_dir, err) < 0) {
        free(v.string);
        return -1;
    }
    v.text = gs_strdup(text);
    v.origin = gs_strdup(origin);
    clear(&config->values[index]);
    config->values[index] = v;
    return 0;
}

struct gs_config *gs_config_copy(const struct gs_config *config)
{
    struct gs_config *copy = gs_calloc(1, sizeof *copy);
    copy->n = config->n;
    copy->file = gs_strdup(config->file);
    copy->values = gs_calloc(config->n, sizeof *copy->values);
    for (size_t i = 0; i < config->n; i++) {
        copy->values[i] = config->values[i];
        copy->values[i].text = gs_strdup(config->values[i].text);
        copy->values[i].origin = gs_strdup(config->values[i].origin);
        copy->values[i].string = gs_strdup(config->values[i].string);
    }
    return copy;
}

void gs_config_adopt(struct gs_config *to, struct gs_config *from)
{
    struct gs_config old = *to;
    *to = *from;
    *from = old;
    gs_config_destroy(from);
}

void gs_config_destroy(struct gs_config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->n; i++)
        clear(&config->values[i]);
    free(config->values);
    free(config->file);
    free(config);
}
