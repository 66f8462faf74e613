/*
 * config_text: see the header.
 */
#include "cli/config_text.h"

#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    WIDTH = 77,
};

/* `text` wrapped into comment lines. */
static void comment(FILE *out, const char *indent, const char *text)
{
    size_t column = strlen(indent) + 1;
    fprintf(out, "%s#", indent);
    while (*text) {
        size_t len = strcspn(text, " ");
        if (column + 1 + len > WIDTH) {
            column = strlen(indent) + 1;
            fprintf(out, "\n%s#", indent);
        }
        fprintf(out, " %.*s", (int)len, text);
        column += 1 + len;
        text += len;
        text += *text == ' ';
    }
    fputc('\n', out);
}

static const char *sample(const struct gs_option *o)
{
    if (o->fallback)
        return o->fallback;
    switch (o->type) {
    case GS_OPTION_SIZE:
        return "100 GiB";
    case GS_OPTION_DURATION:
        return "30 min";
    case GS_OPTION_INT:
        return "1";
    case GS_OPTION_NUMBER:
        return "8";
    case GS_OPTION_PATH:
        return "/path/of/it";
    default:
        return "...";
    }
}

static void example_key(FILE *out, const struct gs_option *o, char *section,
                        size_t room)
{
    const char *dot = strchr(o->key, '.');
    size_t len = dot ? (size_t)(dot - o->key) : 0;
    const char *indent = dot ? "  " : "";
    if (dot && (strncmp(section, o->key, len) != 0 || section[len])) {
        snprintf(section, room, "%.*s", (int)len, o->key);
        fprintf(out, "\n%s:\n", section);
    } else {
        fputc('\n', out);
    }
    comment(out, indent, o->help);
    if (o->choices) {
        fprintf(out, "%s# One of:", indent);
        for (size_t i = 0; o->choices[i]; i++)
            fprintf(out, " %s", o->choices[i]);
        fputc('\n', out);
    }
    fprintf(out, "%s#%s: %s\n", indent, dot ? dot + 1 : o->key, sample(o));
}

char *gs_config_example(void)
{
    char *text = NULL;
    char section[64] = "";
    size_t size = 0, n;
    const struct gs_option *options = gs_config_options(&n);
    FILE *out = open_memstream(&text, &size);
    if (!out)
        gs_malloc((size_t)-1);
    fputs("# genosched.yaml: the configuration of genosched.\n"
          "# Lines that begin with #name: show a default, or an example where "
          "there is none.\n"
          "# 'genosched config check' says whether the file is right,\n"
          "# 'genosched config show' what is in force and where it came "
          "from.\n",
          out);
    for (size_t i = 0; i < n; i++)
        example_key(out, &options[i], section, sizeof section);
    if (fclose(out) != 0)
        gs_malloc((size_t)-1);
    return text;
}

static void add_bounds(cJSON *node, const struct gs_option *o)
{
    cJSON_AddNumberToObject(node, "minimum", o->min);
    if (o->max != 0)
        cJSON_AddNumberToObject(node, "maximum", o->max);
}

/* A whole number, or a number with a unit as text. */
static void add_unit_types(cJSON *node, const struct gs_option *o,
                           const char *units)
{
    cJSON *any = cJSON_AddArrayToObject(node, "anyOf");
    cJSON *plain = cJSON_CreateObject();
    gs_json_add_string(plain, "type", "integer");
    add_bounds(plain, o);
    cJSON *text = cJSON_CreateObject();
    gs_auto_free char *pattern =
        gs_format("^([0-9]+\\.?[0-9]*|\\.[0-9]+) *(%s)?$", units);
    gs_json_add_string(text, "type", "string");
    gs_json_add_string(text, "pattern", pattern);
    cJSON *none = cJSON_CreateObject();
    gs_json_add_string(none, "type", "null");
    cJSON_AddItemToArray(any, plain);
    cJSON_AddItemToArray(any, text);
    cJSON_AddItemToArray(any, none);
}

static void add_type(cJSON *node, const char *type)
{
    cJSON *types = cJSON_AddArrayToObject(node, "type");
    cJSON_AddItemToArray(types, cJSON_CreateString(type));
    cJSON_AddItemToArray(types, cJSON_CreateString("null"));
}

static cJSON *schema_of(const struct gs_option *o)
{
    cJSON *node = cJSON_CreateObject();
    gs_json_add_string(node, "description", o->help);
    gs_json_add_string(node, "default", o->fallback);
    switch (o->type) {
    case GS_OPTION_BOOL:
        add_type(node, "boolean");
        break;
    case GS_OPTION_INT:
    case GS_OPTION_NUMBER:
        add_type(node, o->type == GS_OPTION_INT ? "integer" : "number");
        add_bounds(node, o);
        break;
    case GS_OPTION_SIZE:
        add_unit_types(node, o, "B|[KkMmGgTtPp][Ii]?[Bb]");
        break;
    case GS_OPTION_DURATION:
        add_unit_types(node, o, "ms|s|sec|min|h|hours?|d|days?");
        break;
    case GS_OPTION_CHOICE: {
        cJSON *list = cJSON_AddArrayToObject(node, "enum");
        for (size_t i = 0; o->choices[i]; i++)
            cJSON_AddItemToArray(list, cJSON_CreateString(o->choices[i]));
        cJSON_AddItemToArray(list, cJSON_CreateNull());
        break;
    }
    case GS_OPTION_STRING:
    case GS_OPTION_PATH:
        add_type(node, "string");
        break;
    }
    return node;
}

/* The `properties` of a section below those of the root. */
static cJSON *section_properties(cJSON *root, const char *name)
{
    cJSON *section = cJSON_GetObjectItemCaseSensitive(root, name);
    if (section)
        return cJSON_GetObjectItemCaseSensitive(section, "properties");
    section = cJSON_AddObjectToObject(root, name);
    add_type(section, "object");
    cJSON_AddBoolToObject(section, "additionalProperties", false);
    return cJSON_AddObjectToObject(section, "properties");
}

cJSON *gs_config_schema(void)
{
    size_t n;
    const struct gs_option *options = gs_config_options(&n);
    cJSON *schema = cJSON_CreateObject();
    gs_json_add_string(schema, "$schema",
                       "https://json-schema.org/draft/2020-12/schema");
    gs_json_add_string(schema, "title", "genosched.yaml");
    add_type(schema, "object");
    cJSON_AddBoolToObject(schema, "additionalProperties", false);
    cJSON *root = cJSON_AddObjectToObject(schema, "properties");
    for (size_t i = 0; i < n; i++) {
        const char *dot = strchr(options[i].key, '.');
        cJSON_AddItemToObject(root, options[i].key, schema_of(&options[i]));
        if (!dot)
            continue;
        gs_auto_free char *name =
            gs_format("%.*s", (int)(dot - options[i].key), options[i].key);
        cJSON_AddItemToObject(section_properties(root, name), dot + 1,
                              schema_of(&options[i]));
    }
    return schema;
}
