/*
 * json: the one strict door for JSON from outside.
 *
 * cJSON builds the tree; before that the text is checked to the letter of
 * RFC 8259 (base/json_scan.c), because cJSON alone accepts duplicate keys,
 * bad UTF-8, \u0000, bytes behind the value and rounds large integers. Keys
 * are matched by case. Getters fill *err with the path of the field.
 */
#ifndef GS_BASE_JSON_H
#define GS_BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum {
    GS_JSON_MAX_DEPTH = 64,
};
#define GS_JSON_MAX_INT INT64_C(9007199254740992) /* 2^53 */

void gs_cleanup_json(cJSON **slot);
#define gs_auto_json __attribute__((cleanup(gs_cleanup_json)))

/* Checks one JSON text, `len` bytes, that fills the whole buffer. Returns 0,
 * or -1 with the byte offset in the message. Refuses: any departure from
 * RFC 8259, invalid UTF-8, \u0000, lone surrogates, nesting deeper than
 * GS_JSON_MAX_DEPTH, integers beyond 2^53, numbers that overflow a double. */
int gs_json_scan(const char *text, size_t len, struct gs_error *err);

/* Parses after gs_json_scan and refuses duplicate keys. `text` need not end
 * with NUL. The caller deletes (gs_auto_json or cJSON_Delete). */
cJSON *gs_json_parse(const char *text, size_t len, struct gs_error *err);

/* As printed on one line; the caller frees. Never NULL. */
char *gs_json_print(const cJSON *json);
/* For people too: several lines. */
char *gs_json_print_indented(const cJSON *json);

/* Case-sensitive member, or NULL. */
const cJSON *gs_json_get(const cJSON *object, const char *key);

/*
 * Typed members. Absent (or null) leaves *out as it is and returns 0; present
 * and right sets *out and returns 1; present and wrong returns -1 with
 * GS_ERR_INVALID, err->path = key. Strings are borrowed from the tree.
 */
int gs_json_string(const cJSON *object, const char *key, size_t max_len,
                   const char **out, struct gs_error *err);
int gs_json_int(const cJSON *object, const char *key, int64_t min, int64_t max,
                int64_t *out, struct gs_error *err);
int gs_json_number(const cJSON *object, const char *key, double min, double max,
                   double *out, struct gs_error *err);
int gs_json_bool(const cJSON *object, const char *key, bool *out,
                 struct gs_error *err);

/* Length of the character at `p`, 0 if it is not valid UTF-8. p < end. */
size_t gs_json_utf8(const unsigned char *p, const unsigned char *end);

/* Builders for our own documents: a NULL string adds nothing, a byte that is
 * not UTF-8 (a text cut short, a file's name) becomes '?'. Integers keep all
 * bits up to 2^53. */
void gs_json_add_string(cJSON *object, const char *key, const char *value);
void gs_json_add_int(cJSON *object, const char *key, int64_t value);

#endif
