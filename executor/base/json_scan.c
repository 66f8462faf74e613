/*
 * json_scan: RFC 8259 to the letter, without building anything.
 *
 * One pass over the bytes, recursion bounded by GS_JSON_MAX_DEPTH. It must
 * accept nothing that cJSON would read differently from what is written.
 */
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct scan {
    const unsigned char *p, *start, *end;
    struct gs_error *err;
};

static int value(struct scan *s, int depth);

static int bad(struct scan *s, const char *what)
{
    return gs_fail(s->err, GS_ERR_INVALID, "not strict JSON at byte %zu: %s",
                   (size_t)(s->p - s->start), what);
}

static void blank(struct scan *s)
{
    while (s->p < s->end &&
           (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static int word(struct scan *s, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(s->end - s->p) < len || memcmp(s->p, text, len) != 0)
        return bad(s, "unknown word");
    s->p += len;
    return 0;
}

/* Length of the valid UTF-8 sequence at p (RFC 3629), 0 if there is none. */
size_t gs_json_utf8(const unsigned char *p, const unsigned char *end)
{
    size_t n = *p < 0x80                  ? 1
               : *p >= 0xc2 && *p <= 0xdf ? 2
               : *p >= 0xe0 && *p <= 0xef ? 3
               : *p >= 0xf0 && *p <= 0xf4 ? 4
                                          : 0;
    if (n == 0 || (size_t)(end - p) < n)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return n;
}

static int hex4(struct scan *s, unsigned *out)
{
    if (s->end - s->p < 4)
        return bad(s, "short \\u escape");
    *out = 0;
    for (int i = 0; i < 4; i++) {
        unsigned c = s->p[i];
        unsigned d = c >= '0' && c <= '9'   ? c - '0'
                     : c >= 'a' && c <= 'f' ? c - 'a' + 10
                     : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                            : 16;
        if (d == 16)
            return bad(s, "bad \\u escape");
        *out = *out * 16 + d;
    }
    s->p += 4;
    return 0;
}

static int unicode_escape(struct scan *s)
{
    unsigned hi, lo;
    if (hex4(s, &hi) < 0)
        return -1;
    if (hi == 0)
        return bad(s, "\\u0000 is not allowed");
    if (hi >= 0xdc00 && hi <= 0xdfff)
        return bad(s, "lone surrogate");
    if (hi < 0xd800 || hi > 0xdbff)
        return 0;
    if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u')
        return bad(s, "lone surrogate");
    s->p += 2;
    if (hex4(s, &lo) < 0)
        return -1;
    return lo >= 0xdc00 && lo <= 0xdfff ? 0 : bad(s, "lone surrogate");
}

static int escape(struct scan *s)
{
    s->p++;
    if (s->p == s->end)
        return bad(s, "unfinished escape");
    unsigned char c = *s->p++;
    if (c == 'u')
        return unicode_escape(s);
    return strchr("\"\\/bfnrt", c) && c ? 0 : bad(s, "unknown escape");
}

static int string(struct scan *s)
{
    s->p++;
    while (s->p < s->end && *s->p != '"') {
        if (*s->p == '\\') {
            if (escape(s) < 0)
                return -1;
            continue;
        }
        if (*s->p < 0x20)
            return bad(s, "control character in a string");
        size_t n = gs_json_utf8(s->p, s->end);
        if (n == 0)
            return bad(s, "invalid UTF-8");
        s->p += n;
    }
    if (s->p == s->end)
        return bad(s, "unfinished string");
    s->p++;
    return 0;
}

static size_t digits(struct scan *s)
{
    const unsigned char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return (size_t)(s->p - from);
}

static int magnitude(struct scan *s, const unsigned char *from, bool integer)
{
    char text[64];
    size_t len = (size_t)(s->p - from);
    if (len >= sizeof text)
        return bad(s, "number longer than 63 characters");
    memcpy(text, from, len);
    text[len] = '\0';
    if (integer) {
        const char *p = text[0] == '-' ? text + 1 : text;
        size_t n = strlen(p);
        static const char max[] = "9007199254740992";
        if (n > sizeof max - 1 || (n == sizeof max - 1 && strcmp(p, max) > 0))
            return bad(s, "integer beyond 2^53 would be rounded");
    }
    return isfinite(strtod(text, NULL)) ? 0 : bad(s, "number overflows");
}

static int number(struct scan *s)
{
    const unsigned char *from = s->p;
    bool integer = true;
    if (*s->p == '-')
        s->p++;
    const unsigned char *first = s->p;
    size_t n = digits(s);
    if (n == 0 || (n > 1 && *first == '0'))
        return bad(s, "malformed number");
    if (s->p < s->end && *s->p == '.') {
        integer = false;
        s->p++;
        if (digits(s) == 0)
            return bad(s, "malformed number");
    }
    if (s->p < s->end && (*s->p == 'e' || *s->p == 'E')) {
        integer = false;
        s->p++;
        if (s->p < s->end && (*s->p == '+' || *s->p == '-'))
            s->p++;
        if (digits(s) == 0)
            return bad(s, "malformed number");
    }
    return magnitude(s, from, integer);
}

static int member(struct scan *s, int depth)
{
    blank(s);
    if (s->p == s->end || *s->p != '"')
        return bad(s, "a key in quotes is due");
    if (string(s) < 0)
        return -1;
    blank(s);
    if (s->p == s->end || *s->p != ':')
        return bad(s, "':' is due");
    s->p++;
    return value(s, depth);
}

static int list(struct scan *s, int depth, char close, bool object)
{
    if (depth >= GS_JSON_MAX_DEPTH)
        return gs_fail(s->err, GS_ERR_LIMIT,
                       "JSON nested deeper than %d at byte %zu",
                       GS_JSON_MAX_DEPTH, (size_t)(s->p - s->start));
    s->p++;
    blank(s);
    if (s->p < s->end && *s->p == close) {
        s->p++;
        return 0;
    }
    for (;;) {
        if ((object ? member(s, depth + 1) : value(s, depth + 1)) < 0)
            return -1;
        blank(s);
        if (s->p == s->end)
            return bad(s, "unfinished list or object");
        if (*s->p == close) {
            s->p++;
            return 0;
        }
        if (*s->p != ',')
            return bad(s, "',' or the closing bracket is due");
        s->p++;
    }
}

static int value(struct scan *s, int depth)
{
    blank(s);
    if (s->p == s->end)
        return bad(s, "a value is due");
    switch (*s->p) {
    case '{':
        return list(s, depth, '}', true);
    case '[':
        return list(s, depth, ']', false);
    case '"':
        return string(s);
    case 't':
        return word(s, "true");
    case 'f':
        return word(s, "false");
    case 'n':
        return word(s, "null");
    default:
        return number(s);
    }
}

int gs_json_scan(const char *text, size_t len, struct gs_error *err)
{
    const unsigned char *p = (const unsigned char *)text;
    struct scan s = {p, p, p + len, err};
    if (value(&s, 0) < 0)
        return -1;
    blank(&s);
    return s.p == s.end ? 0 : bad(&s, "bytes after the value");
}
