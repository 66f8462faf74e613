/*
 * The strict door for JSON: what is let in, and each thing that is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/mem.h"

struct vector {
    const char *text;
    size_t len; /* 0: strlen */
    const char *says;
};

#define BYTES(text, says)                                                      \
    {                                                                          \
        text, sizeof text - 1, says                                            \
    }

static const struct vector refused[] = {
    BYTES("", "a value is due"),
    BYTES("   ", "a value is due"),
    BYTES("{}x", "bytes after the value"),
    BYTES("{} {}", "bytes after the value"),
    BYTES("1 2", "bytes after the value"),
    BYTES("{}\0", "bytes after the value"),
    BYTES("\0{}", "malformed number"),
    BYTES("\"a\0b\"", "control character"),
    BYTES("\xef\xbb\xbf{}", "malformed number"), /* byte order mark */
    BYTES("{\"a\":1,\"a\":2}", "'a' twice"),
    BYTES("{\"a\":{\"b\":[{\"c\":1,\"c\":1}]}}", "'c' twice"),
    BYTES("{\"a\":1,\"\\u0061\":2}", "'a' twice"),
    BYTES("\"\\u0000\"", "\\u0000"),
    BYTES("{\"\\u0000\":1}", "\\u0000"),
    BYTES("\"\\ud800\"", "lone surrogate"),
    BYTES("\"\\udc00\\ud800\"", "lone surrogate"),
    BYTES("\"\\ud800\\u0041\"", "lone surrogate"),
    BYTES("\"\\ud83d\\\"", "lone surrogate"),
    BYTES("\"\\u12\"", "short \\u escape"),
    BYTES("\"\\u12x4\"", "bad \\u escape"),
    BYTES("\"\\u+123\"", "bad \\u escape"),
    BYTES("\"\\u1", "short \\u escape"),
    BYTES("\"\\x41\"", "unknown escape"),
    BYTES("\"\\", "unfinished escape"),
    BYTES("\"abc", "unfinished string"),
    BYTES("\"a\tb\"", "control character"),
    BYTES("\"a\nb\"", "control character"),
    BYTES("\"\xff\"", "invalid UTF-8"),
    BYTES("\"\xc0\xaf\"", "invalid UTF-8"),         /* overlong */
    BYTES("\"\xe0\x80\xaf\"", "invalid UTF-8"),     /* overlong */
    BYTES("\"\xf0\x80\x80\xaf\"", "invalid UTF-8"), /* overlong */
    BYTES("\"\xed\xa0\x80\"", "invalid UTF-8"),     /* surrogate */
    BYTES("\"\xf4\x90\x80\x80\"", "invalid UTF-8"), /* beyond 10ffff */
    BYTES("\"\xe2\x82\"", "invalid UTF-8"),
    BYTES("\"\x80\"", "invalid UTF-8"),
    BYTES("01", "malformed number"),
    BYTES("-", "malformed number"),
    BYTES("+1", "malformed number"),
    BYTES(".5", "malformed number"),
    BYTES("1.", "malformed number"),
    BYTES("1e", "malformed number"),
    BYTES("1e+", "malformed number"),
    BYTES("-01", "malformed number"),
    BYTES("0x10", "bytes after the value"),
    BYTES("NaN", "malformed number"),
    BYTES("Infinity", "malformed number"),
    BYTES("-Infinity", "malformed number"),
    BYTES("9007199254740993", "2^53"),
    BYTES("-9007199254740993", "2^53"),
    BYTES("100000000000000000000", "2^53"),
    BYTES("1e400", "overflows"),
    BYTES("-1e400", "overflows"),
    BYTES("1.0000000000000000000000000000000000000000000000000000000000000000",
          "longer than 63"),
    BYTES("tru", "unknown word"),
    BYTES("True", "malformed number"),
    BYTES("nul", "unknown word"),
    BYTES("truex", "bytes after the value"),
    BYTES("[1,]", "malformed number"),
    BYTES("[,1]", "malformed number"),
    BYTES("[1 2]", "',' or the closing"),
    BYTES("[1", "unfinished list"),
    BYTES("[", "a value is due"),
    BYTES("]", "malformed number"),
    BYTES("{\"a\":1,}", "a key in quotes"),
    BYTES("{a:1}", "a key in quotes"),
    BYTES("{'a':1}", "a key in quotes"),
    BYTES("{1:1}", "a key in quotes"),
    BYTES("{\"a\" 1}", "':' is due"),
    BYTES("{\"a\":}", "malformed number"),
    BYTES("{\"a\"", "':' is due"),
    BYTES("{\"a\":1", "unfinished list"),
    BYTES("// x\n1", "malformed number"),
    BYTES("/* x */1", "malformed number"),
};

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct gs_error err = {0};
        /* The exact size, so that reading one byte too many is seen. */
        size_t len = refused[i].len;
        gs_auto_free char *copy = gs_malloc(len);
        memcpy(copy, refused[i].text, len);
        gs_auto_json cJSON *json = gs_json_parse(copy, len, &err);
        if (json)
            fail_msg("accepted: %s", refused[i].text);
        if (!strstr(err.text, refused[i].says))
            fail_msg("%s: says \"%s\", not \"%s\"", refused[i].text, err.text,
                     refused[i].says);
    }
}

static void accepts(void **state)
{
    (void)state;
    static const char *const good[] = {
        "null",
        "true",
        " [ ] ",
        "\t{ }\r\n",
        "0",
        "-0",
        "-0.0",
        "1e5",
        "1E-5",
        "1e308",
        "9007199254740992",
        "-9007199254740992",
        "0.1",
        "123456789.125",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
        "\"\\u00e9\\ud83d\\ude00\"",
        "\"\xc3\xa9\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf\"",
        "{\"a\":1,\"A\":2}", /* keys differ by case: two keys */
        "{\"\":0}",
        "[[],{},[[]]]",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct gs_error err = {0};
        size_t len = strlen(good[i]);
        gs_auto_free char *copy = gs_malloc(len);
        memcpy(copy, good[i], len);
        gs_auto_json cJSON *json = gs_json_parse(copy, len, &err);
        if (!json)
            fail_msg("refused: %s: %s", good[i], err.text);
        assert_int_equal(err.code, GS_OK);
    }
}

static cJSON *nested(int depth, const char *open, const char *close,
                     struct gs_error *err)
{
    size_t room = (size_t)depth * (strlen(open) + strlen(close)) + 2;
    gs_auto_free char *text = gs_calloc(1, room);
    size_t used = 0;
    for (int i = 0; i < depth; i++)
        used += (size_t)snprintf(text + used, room - used, "%s", open);
    text[used++] = '0';
    for (int i = 0; i < depth; i++)
        used += (size_t)snprintf(text + used, room - used, "%s", close);
    return gs_json_parse(text, used, err);
}

static void limits_depth(void **state)
{
    (void)state;
    struct gs_error err = {0};
    cJSON *json = nested(16, "[", "]", &err);
    assert_non_null(json);
    cJSON_Delete(json);
    json = nested(GS_JSON_MAX_DEPTH, "[", "]", &err);
    assert_non_null(json);
    cJSON_Delete(json);
    assert_null(nested(GS_JSON_MAX_DEPTH + 1, "[", "]", &err));
    assert_int_equal(err.code, GS_ERR_LIMIT);
    json = nested(GS_JSON_MAX_DEPTH, "{\"a\":", "}", &err);
    assert_non_null(json);
    cJSON_Delete(json);
    assert_null(nested(GS_JSON_MAX_DEPTH + 1, "{\"a\":", "}", &err));
    assert_int_equal(err.code, GS_ERR_LIMIT);
    assert_null(nested(500000, "[", "]", &err)); /* and no stack overflow */
}

/* Objects of many members are checked by sorting: both ways must see it. */
static void finds_duplicates_of_large_objects(void **state)
{
    (void)state;
    enum { MEMBERS = 1000, ROOM = MEMBERS * 16 };
    gs_auto_free char *text = gs_malloc(ROOM);
    for (int twice = 0; twice < 2; twice++) {
        size_t used = (size_t)snprintf(text, ROOM, "{");
        for (int i = 0; i < MEMBERS; i++)
            used += (size_t)snprintf(text + used, ROOM - used, "%s\"k%d\":0",
                                     i ? "," : "",
                                     twice && i == MEMBERS - 1 ? 17 : i);
        used += (size_t)snprintf(text + used, ROOM - used, "}");
        struct gs_error err = {0};
        gs_auto_json cJSON *json = gs_json_parse(text, used, &err);
        assert_int_equal(json != NULL, !twice);
        if (twice)
            assert_non_null(strstr(err.text, "'k17' twice"));
    }
}

static void getters(void **state)
{
    (void)state;
    static const char text[] =
        "{\"s\":\"text\",\"i\":42,\"f\":1.5,\"b\":true,\"n\":null,"
        "\"neg\":-1,\"big\":9007199254740992,\"I\":7}";
    struct gs_error err = {0};
    gs_auto_json cJSON *o = gs_json_parse(text, sizeof text - 1, &err);
    assert_non_null(o);
    const char *s = "kept";
    int64_t i = 5;
    double f = 0;
    bool b = false;
    assert_int_equal(gs_json_string(o, "s", 10, &s, &err), 1);
    assert_string_equal(s, "text");
    assert_int_equal(gs_json_string(o, "s", 3, &s, &err), -1);
    assert_string_equal(err.path, "s");
    assert_int_equal(gs_json_string(o, "i", 10, &s, &err), -1);
    assert_int_equal(gs_json_string(o, "n", 10, &s, &err), 0);
    assert_int_equal(gs_json_string(o, "absent", 10, &s, &err), 0);
    assert_string_equal(s, "text");
    assert_int_equal(gs_json_int(o, "absent", 0, 9, &i, &err), 0);
    assert_int_equal(i, 5);
    assert_int_equal(gs_json_int(o, "i", 0, 100, &i, &err), 1);
    assert_int_equal(i, 42);
    assert_int_equal(gs_json_int(o, "I", 0, 100, &i, &err), 1);
    assert_int_equal(i, 7); /* not 'i': keys are matched by case */
    assert_int_equal(gs_json_int(o, "i", 43, 100, &i, &err), -1);
    assert_int_equal(gs_json_int(o, "f", 0, 100, &i, &err), -1);
    assert_string_equal(err.path, "f");
    assert_int_equal(gs_json_int(o, "neg", 0, 100, &i, &err), -1);
    assert_int_equal(gs_json_int(o, "s", 0, 100, &i, &err), -1);
    assert_int_equal(gs_json_int(o, "b", 0, 100, &i, &err), -1);
    assert_int_equal(gs_json_int(o, "big", 0, GS_JSON_MAX_INT, &i, &err), 1);
    assert_true(i == GS_JSON_MAX_INT);
    assert_int_equal(gs_json_int(o, "big", 0, INT64_MAX, &i, &err), 1);
    assert_int_equal(gs_json_number(o, "f", 0, 2, &f, &err), 1);
    assert_true(f == 1.5);
    assert_int_equal(gs_json_number(o, "f", 0, 1, &f, &err), -1);
    assert_int_equal(gs_json_bool(o, "b", &b, &err), 1);
    assert_true(b);
    assert_int_equal(gs_json_bool(o, "i", &b, &err), -1);
    assert_int_equal(gs_json_bool(o, "b", &b, NULL), 1);
    assert_int_equal(gs_json_bool(o, "i", &b, NULL), -1);
}

/* What was let in can be printed, stored and let in again, the same. */
static void reads_what_it_prints(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "90071547409925474.0992",
        "12345678901234567.0",
        "1e15",
        "1234567890123456.5",
        "-1e17",
        "1e308",
        "9007199254740992",
        "999999999999999",
        "0.1",
        "1e-300",
        "123456789012345678e-3",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct gs_error err = {0};
        gs_auto_json cJSON *a = gs_json_parse(texts[i], strlen(texts[i]), &err);
        assert_non_null(a);
        gs_auto_free char *text = gs_json_print(a);
        gs_auto_json cJSON *b = gs_json_parse(text, strlen(text), &err);
        if (!b)
            fail_msg("%s became %s: %s", texts[i], text, err.text);
        if (a->valuedouble >= 1e15)
            assert_true(a->valuedouble == b->valuedouble);
    }
}

static void prints_what_it_reads(void **state)
{
    (void)state;
    struct gs_error err = {0};
    gs_auto_json cJSON *o = cJSON_CreateObject();
    gs_json_add_int(o, "exact", GS_JSON_MAX_INT);
    gs_json_add_int(o, "minus", -GS_JSON_MAX_INT);
    gs_json_add_int(o, "round", INT64_C(1000000000000000));
    gs_json_add_string(o, "none", NULL);
    gs_json_add_string(o, "text", "a\"\\\n\x01\xc3\xa9");
    gs_auto_free char *text = gs_json_print(o);
    assert_null(strchr(text, '\n')); /* one line */
    assert_non_null(strstr(text, "\"exact\":9007199254740992,"));
    assert_non_null(strstr(text, "\"minus\":-9007199254740992,"));
    assert_non_null(strstr(text, "\"round\":1000000000000000,"));
    assert_true(cJSON_IsNumber(gs_json_get(o, "exact"))); /* untouched */
    gs_auto_free char *lines = gs_json_print_indented(o);
    assert_non_null(strstr(lines, "9007199254740992,\n"));
    gs_auto_json cJSON *back = gs_json_parse(text, strlen(text), &err);
    assert_non_null(back);
    assert_null(gs_json_get(back, "none"));
    int64_t value = 0;
    assert_int_equal(
        gs_json_int(back, "exact", 0, GS_JSON_MAX_INT, &value, &err), 1);
    assert_true(value == GS_JSON_MAX_INT);
    assert_string_equal(gs_json_get(back, "text")->valuestring,
                        "a\"\\\n\x01\xc3\xa9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(accepts),
        cmocka_unit_test(limits_depth),
        cmocka_unit_test(finds_duplicates_of_large_objects),
        cmocka_unit_test(getters),
        cmocka_unit_test(prints_what_it_reads),
        cmocka_unit_test(reads_what_it_prints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
