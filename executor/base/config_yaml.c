/*
 * config_yaml: lays a YAML file over a configuration, from libyaml's events,
 * so that every complaint has its line and column. Mappings and scalars only:
 * lists, anchors, aliases and tags are refused, and no tree is built.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/config_set.h"
#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_FILE = 1024 * 1024,
    MAX_DEPTH = 8,
    MAX_KEY = 128,
};

struct load {
    struct gs_config *config;
    const char *path;
    const char *folder;    /* of the file */
    size_t *key_lines;     /* parallel to the option table, 0: not yet */
    size_t *section_lines; /* the same, at the section's first key */
    yaml_parser_t parser;
    struct gs_error *err;
};

static int wrong(struct load *l, yaml_mark_t mark, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int wrong(struct load *l, yaml_mark_t mark, const char *fmt, ...)
{
    char what[896];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    int line = (int)mark.line + 1, column = (int)mark.column + 1;
    gs_fail_at(l->err, GS_ERR_CONFIG, l->path, "%s:%d:%d: %s", l->path, line,
               column, what);
    if (l->err) {
        l->err->line = line;
        l->err->column = column;
    }
    return -1;
}

static int next_event(struct load *l, yaml_event_t *event)
{
    if (yaml_parser_parse(&l->parser, event))
        return 0;
    const yaml_parser_t *p = &l->parser;
    const char *problem = p->problem ? p->problem : "not YAML";
    if (p->error == YAML_READER_ERROR)
        return wrong(l, p->mark, "not readable as UTF-8 text: %s at byte %zu",
                     problem, p->problem_offset);
    return wrong(l, p->problem_mark, "not valid YAML: %s%s%s", problem,
                 p->context ? " " : "", p->context ? p->context : "");
}

/* Anything but a plain, untagged scalar or mapping. */
static int refuse(struct load *l, const yaml_event_t *e)
{
    const yaml_char_t *anchor = NULL, *tag = NULL;
    if (e->type == YAML_ALIAS_EVENT)
        return wrong(l, e->start_mark, "aliases (*name) are not allowed here");
    if (e->type == YAML_SEQUENCE_START_EVENT)
        return wrong(l, e->start_mark, "a list is not expected here");
    if (e->type == YAML_SCALAR_EVENT) {
        anchor = e->data.scalar.anchor;
        tag = e->data.scalar.tag;
    } else if (e->type == YAML_MAPPING_START_EVENT) {
        anchor = e->data.mapping_start.anchor;
        tag = e->data.mapping_start.tag;
    }
    if (anchor)
        return wrong(l, e->start_mark, "anchors (&name) are not allowed here");
    if (tag)
        return wrong(l, e->start_mark, "tags (!name) are not allowed here");
    return 0;
}

static bool is_null(const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value;
    return e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static int set_leaf(struct load *l, const yaml_event_t *e, const char *key,
                    int index)
{
    if (e->type != YAML_SCALAR_EVENT)
        return wrong(l, e->start_mark, "'%s' has one value, not a section",
                     key);
    const char *text = (const char *)e->data.scalar.value;
    if (strlen(text) != e->data.scalar.length)
        return wrong(l, e->start_mark, "'%s': a NUL byte in the value", key);
    gs_auto_free char *origin =
        gs_format("%s:%zu:%zu", l->path, e->start_mark.line + 1,
                  e->start_mark.column + 1);
    struct gs_error why;
    if (gs_config_set(l->config, index, is_null(e) ? NULL : text, origin,
                      l->folder, &why) < 0)
        return wrong(l, e->start_mark, "'%s': %s", key, why.text);
    return 0;
}

static int load_mapping(struct load *l, const char *prefix, int depth);

static int load_value(struct load *l, const char *key, int index,
                      const yaml_event_t *e, int depth)
{
    if (refuse(l, e) < 0)
        return -1;
    if (index >= 0)
        return set_leaf(l, e, key, index);
    if (e->type == YAML_MAPPING_START_EVENT)
        return load_mapping(l, key, depth + 1);
    if (is_null(e)) /* a section with everything commented out */
        return 0;
    return wrong(l, e->start_mark,
                 "'%s' is a section: write its keys below it, indented", key);
}

static int load_member(struct load *l, const char *prefix,
                       const yaml_event_t *e, int depth)
{
    char key[MAX_KEY];
    if (refuse(l, e) < 0)
        return -1;
    if (e->type != YAML_SCALAR_EVENT)
        return wrong(l, e->start_mark, "a key is due");
    int n = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "",
                     (const char *)e->data.scalar.value);
    int index = gs_config_index(key), section = gs_config_section(key);
    if (n < 0 || (size_t)n >= sizeof key || (index < 0 && section < 0)) {
        gs_auto_free char *hint = gs_config_hint(key);
        return wrong(l, e->start_mark, "unknown key '%s'%s", key, hint);
    }
    size_t *line =
        index >= 0 ? &l->key_lines[index] : &l->section_lines[section];
    if (*line)
        return wrong(l, e->start_mark,
                     "'%s' twice, first on line %zu; remove one", key, *line);
    *line = e->start_mark.line + 1;
    yaml_event_t value;
    if (next_event(l, &value) < 0)
        return -1;
    int rc = load_value(l, key, index, &value, depth);
    yaml_event_delete(&value);
    return rc;
}

static int load_mapping(struct load *l, const char *prefix, int depth)
{
    for (;;) {
        yaml_event_t e;
        if (next_event(l, &e) < 0)
            return -1;
        bool end = e.type == YAML_MAPPING_END_EVENT;
        int rc = end                 ? 0
                 : depth > MAX_DEPTH ? wrong(l, e.start_mark,
                                             "nested deeper than %d", MAX_DEPTH)
                                     : load_member(l, prefix, &e, depth);
        yaml_event_delete(&e);
        if (end || rc < 0)
            return rc;
    }
}

static int load_document(struct load *l)
{
    yaml_event_t e;
    if (next_event(l, &e) < 0)
        return -1;
    int rc = refuse(l, &e);
    if (rc == 0 && e.type == YAML_MAPPING_START_EVENT)
        rc = load_mapping(l, "", 1);
    else if (rc == 0 && !is_null(&e))
        rc = wrong(l, e.start_mark, "lines of 'key: value' are due, not text");
    yaml_event_delete(&e);
    return rc;
}

static int load_stream(struct load *l)
{
    int documents = 0;
    for (;;) {
        yaml_event_t e;
        if (next_event(l, &e) < 0)
            return -1;
        bool end = e.type == YAML_STREAM_END_EVENT;
        int rc = 0;
        if (e.type == YAML_DOCUMENT_START_EVENT)
            rc = documents++ ? wrong(l, e.start_mark, "a second document (---)")
                             : load_document(l);
        yaml_event_delete(&e);
        if (end || rc < 0)
            return rc;
    }
}

int gs_config_load(struct gs_config *config, const char *path,
                   struct gs_error *err)
{
    size_t len;
    struct gs_error why;
    gs_auto_free char *text = gs_file_read(path, MAX_FILE, &len, &why);
    if (!text) {
        gs_fail_at(err, GS_ERR_CONFIG, path,
                   "configuration: %s; check the path and its permissions",
                   why.text);
        return -1;
    }
    gs_auto_free char *folder = gs_strdup(path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder ? 1 : 0] = '\0';
    struct load l = {.config = gs_config_copy(config),
                     .path = path,
                     .folder = slash ? folder : NULL,
                     .err = err};
    l.key_lines = gs_calloc(config->n, sizeof *l.key_lines);
    l.section_lines = gs_calloc(config->n, sizeof *l.section_lines);
    if (!yaml_parser_initialize(&l.parser))
        gs_malloc((size_t)-1);
    yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&l.parser, (const unsigned char *)text, len);
    int rc = load_stream(&l);
    yaml_parser_delete(&l.parser);
    free(l.key_lines);
    free(l.section_lines);
    if (rc < 0) {
        gs_config_destroy(l.config);
        return -1;
    }
    free(l.config->file);
    l.config->file = gs_strdup(path);
    gs_config_adopt(config, l.config);
    return 0;
}
