/*
 * config_json: lays `initialize.config` over a configuration. The same keys
 * as in the file, nested or dotted; the same checks.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/config_set.h"
#include "base/json.h"
#include "base/mem.h"

enum {
    MAX_DEPTH = 8,
    MAX_KEY = 128,
};

struct merge {
    struct gs_config *config;
    const char *origin;
    bool *seen; /* parallel to the option table */
    struct gs_error *err;
};

static int wrong(struct merge *m, const char *key, const char *what)
{
    return gs_fail_at(m->err, GS_ERR_CONFIG, key,
                      "configuration key '%s' (from %s): %s", key, m->origin,
                      what);
}

/* The value as a file would have it; "" with -1 if the type is wrong. */
static int as_text(const cJSON *value, enum gs_option_type type, char *out,
                   size_t room)
{
    out[0] = '\0';
    if (cJSON_IsBool(value) && type == GS_OPTION_BOOL) {
        snprintf(out, room, "%s", cJSON_IsTrue(value) ? "true" : "false");
        return 0;
    }
    bool number = type == GS_OPTION_INT || type == GS_OPTION_NUMBER ||
                  type == GS_OPTION_SIZE || type == GS_OPTION_DURATION;
    if (!cJSON_IsNumber(value) || !number)
        return -1;
    double d = value->valuedouble;
    if (d == floor(d) && fabs(d) <= (double)GS_JSON_MAX_INT)
        snprintf(out, room, "%.0f", d);
    else
        snprintf(out, room, "%.17g", d);
    return 0;
}

static int merge_leaf(struct merge *m, const cJSON *value, const char *key,
                      int index)
{
    static const char *const expected[] = {
        [GS_OPTION_BOOL] = "must be true or false",
        [GS_OPTION_INT] = "must be a whole number",
        [GS_OPTION_NUMBER] = "must be a number",
        [GS_OPTION_SIZE] = "must be a size: a whole number of bytes or a text "
                           "like \"20 GiB\"",
        [GS_OPTION_DURATION] = "must be a duration: a whole number of ms or a "
                               "text like \"30 min\"",
        [GS_OPTION_STRING] = "must be a text",
        [GS_OPTION_CHOICE] = "must be a text",
        [GS_OPTION_PATH] = "must be a text that is a path",
    };
    size_t n;
    const struct gs_option *option = &gs_config_options(&n)[index];
    char number[64];
    const char *text = number;
    struct gs_error why;
    if (m->seen[index])
        return wrong(m, key, "is given twice, nested and dotted");
    m->seen[index] = true;
    if (cJSON_IsString(value) && option->type != GS_OPTION_BOOL &&
        option->type != GS_OPTION_INT && option->type != GS_OPTION_NUMBER)
        text = value->valuestring;
    else if (as_text(value, option->type, number, sizeof number) < 0)
        return wrong(m, key, expected[option->type]);
    if (gs_config_set(m->config, index, text, m->origin, NULL, &why) < 0)
        return wrong(m, key, why.text);
    return 0;
}

static int merge_object(struct merge *m, const cJSON *object,
                        const char *prefix, int depth)
{
    if (depth >= MAX_DEPTH)
        return wrong(m, prefix, "is nested too deep");
    for (const cJSON *c = object->child; c; c = c->next) {
        char key[MAX_KEY];
        int n = snprintf(key, sizeof key, "%s%s%s", prefix, *prefix ? "." : "",
                         c->string);
        if (n < 0 || (size_t)n >= sizeof key)
            return wrong(m, key, "there is no key that long");
        int index = gs_config_index(key);
        if (index < 0 && gs_config_section(key) < 0) {
            gs_auto_free char *hint = gs_config_hint(key);
            gs_auto_free char *what = gs_format("there is no such key%s", hint);
            return wrong(m, key, what);
        }
        if (cJSON_IsNull(c))
            continue;
        if (index >= 0 ? merge_leaf(m, c, key, index) < 0
            : !cJSON_IsObject(c)
                ? wrong(m, key, "is a section: an object is due") < 0
                : merge_object(m, c, key, depth + 1) < 0)
            return -1;
    }
    return 0;
}

int gs_config_merge(struct gs_config *config, const cJSON *object,
                    const char *origin, struct gs_error *err)
{
    if (!object || cJSON_IsNull(object))
        return 0;
    if (!cJSON_IsObject(object))
        return gs_fail_at(err, GS_ERR_CONFIG, "config", "%s must be an object",
                          origin);
    struct gs_config *staged = gs_config_copy(config);
    gs_auto_free bool *seen = gs_calloc(config->n, sizeof *seen);
    struct merge m = {staged, origin, seen, err};
    if (merge_object(&m, object, "", 0) < 0) {
        gs_config_destroy(staged);
        return -1;
    }
    gs_config_adopt(config, staged);
    return 0;
}
