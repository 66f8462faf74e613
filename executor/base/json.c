/*
 * json: see the header. cJSON's own parser is called here and nowhere else.
 */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    SMALL_OBJECT = 16,
};

void gs_cleanup_json(cJSON **slot)
{
    cJSON_Delete(*slot);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int refuse_duplicate(const char *key, struct gs_error *err)
{
    return gs_fail(err, GS_ERR_INVALID, "not strict JSON: key '%.64s' twice",
                   key);
}

/* Objects of few members by pairs, larger ones by sorting the names. */
static int unique_keys(const cJSON *object, struct gs_error *err)
{
    size_t n = 0;
    for (const cJSON *c = object->child; c; c = c->next) {
        if (++n > SMALL_OBJECT)
            continue;
        for (const cJSON *d = object->child; d != c; d = d->next)
            if (strcmp(c->string, d->string) == 0)
                return refuse_duplicate(c->string, err);
    }
    if (n <= SMALL_OBJECT)
        return 0;
    gs_auto_free char **names = gs_calloc(n, sizeof *names);
    size_t i = 0;
    for (const cJSON *c = object->child; c; c = c->next)
        names[i++] = c->string;
    qsort(names, n, sizeof *names, by_name);
    for (i = 1; i < n; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            return refuse_duplicate(names[i], err);
    return 0;
}

static int check_tree(const cJSON *json, struct gs_error *err)
{
    if (cJSON_IsObject(json) && unique_keys(json, err) < 0)
        return -1;
    for (const cJSON *c = json->child; c; c = c->next)
        if (c->child && check_tree(c, err) < 0)
            return -1;
    return 0;
}

cJSON *gs_json_parse(const char *text, size_t len, struct gs_error *err)
{
    if (gs_json_scan(text, len, err) < 0)
        return NULL;
    cJSON *json = cJSON_ParseWithLength(text, len);
    if (!json) {
        gs_fail(err, GS_ERR_INVALID, "not strict JSON: refused by the parser");
        return NULL;
    }
    if (check_tree(json, err) < 0) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* cJSON prints a whole number of more than 15 digits rounded, or with an
 * exponent, or as an integer beyond 2^53 that nobody may read again. */
static bool is_large(const cJSON *json)
{
    return cJSON_IsNumber(json) && fabs(json->valuedouble) >= 1e15;
}

static char *digits_of(double d)
{
    if (fabs(d) <= (double)GS_JSON_MAX_INT && d == floor(d))
        return gs_format("%lld", (long long)d);
    return gs_format("%.16e", d); /* 17 digits: the same double again */
}

static bool has_large(const cJSON *json)
{
    if (is_large(json))
        return true;
    for (const cJSON *c = json->child; c; c = c->next)
        if (has_large(c))
            return true;
    return false;
}

static void spell_out(cJSON *json)
{
    if (is_large(json)) {
        gs_auto_free char *digits = digits_of(json->valuedouble);
        json->valuestring = cJSON_malloc(strlen(digits) + 1);
        if (!json->valuestring)
            gs_malloc((size_t)-1);
        memcpy(json->valuestring, digits, strlen(digits) + 1);
        json->type = cJSON_Raw;
    }
    for (cJSON *c = json->child; c; c = c->next)
        spell_out(c);
}

static char *print(const cJSON *json, bool indented)
{
    gs_auto_json cJSON *copy =
        has_large(json) ? cJSON_Duplicate(json, true) : NULL;
    if (copy)
        spell_out(copy);
    if (copy)
        json = copy;
    char *text = indented ? cJSON_Print(json) : cJSON_PrintUnformatted(json);
    return text ? text : gs_malloc((size_t)-1);
}

char *gs_json_print(const cJSON *json)
{
    return print(json, false);
}

char *gs_json_print_indented(const cJSON *json)
{
    return print(json, true);
}

const cJSON *gs_json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static const cJSON *present(const cJSON *object, const char *key)
{
    const cJSON *v = gs_json_get(object, key);
    return v && !cJSON_IsNull(v) ? v : NULL;
}

int gs_json_string(const cJSON *object, const char *key, size_t max_len,
                   const char **out, struct gs_error *err)
{
    const cJSON *v = present(object, key);
    if (!v)
        return 0;
    if (!cJSON_IsString(v))
        return gs_fail_at(err, GS_ERR_INVALID, key, "must be a string");
    if (strlen(v->valuestring) > max_len)
        return gs_fail_at(err, GS_ERR_INVALID, key,
                          "longer than %zu characters", max_len);
    *out = v->valuestring;
    return 1;
}

int gs_json_int(const cJSON *object, const char *key, int64_t min, int64_t max,
                int64_t *out, struct gs_error *err)
{
    const cJSON *v = present(object, key);
    if (!v)
        return 0;
    if (!cJSON_IsNumber(v) || v->valuedouble != floor(v->valuedouble))
        return gs_fail_at(err, GS_ERR_INVALID, key,
                          "must be a whole number, exact up to 2^53");
    if (v->valuedouble < (double)min || v->valuedouble > (double)max)
        return gs_fail_at(err, GS_ERR_INVALID, key,
                          "must be between %lld and %lld", (long long)min,
                          (long long)max);
    *out = (int64_t)v->valuedouble;
    return 1;
}

int gs_json_number(const cJSON *object, const char *key, double min, double max,
                   double *out, struct gs_error *err)
{
    const cJSON *v = present(object, key);
    if (!v)
        return 0;
    if (!cJSON_IsNumber(v))
        return gs_fail_at(err, GS_ERR_INVALID, key, "must be a number");
    if (!(v->valuedouble >= min && v->valuedouble <= max))
        return gs_fail_at(err, GS_ERR_INVALID, key, "must be between %g and %g",
                          min, max);
    *out = v->valuedouble;
    return 1;
}

int gs_json_bool(const cJSON *object, const char *key, bool *out,
                 struct gs_error *err)
{
    const cJSON *v = present(object, key);
    if (!v)
        return 0;
    if (!cJSON_IsBool(v))
        return gs_fail_at(err, GS_ERR_INVALID, key, "must be true or false");
    *out = cJSON_IsTrue(v);
    return 1;
}

void gs_json_add_string(cJSON *object, const char *key, const char *value)
{
    gs_auto_free char *clean = gs_strdup(value);
    if (!clean)
        return;
    unsigned char *p = (unsigned char *)clean, *end = p + strlen(clean);
    while (p < end) {
        size_t n = gs_json_utf8(p, end);
        if (n == 0)
            *p = '?';
        p += n ? n : 1;
    }
    if (!cJSON_AddStringToObject(object, key, clean))
        gs_malloc((size_t)-1);
}

void gs_json_add_int(cJSON *object, const char *key, int64_t value)
{
    if (!cJSON_AddNumberToObject(object, key, (double)value))
        gs_malloc((size_t)-1);
}
