/*
 * The Task of the protocol: each field wrong in each way, and the digest.
 */
#include "protocol/task_spec.h"
#include "scratch.h"

#include "base/json.h"
#include "random.h"

static cJSON *good(void)
{
    static const char text[] =
        "{\"id\":\"a\",\"process\":\"P\",\"command\":[\"true\",\"x\"],"
        "\"workdir\":\"/w\"}";
    return gs_json_parse(text, strlen(text), NULL);
}

static int parse(const char *member, const char *value,
                 struct gs_task_spec *spec, cJSON **keep, struct gs_error *err)
{
    cJSON *task = good();
    if (member)
        cJSON_DeleteItemFromObjectCaseSensitive(task, member);
    if (value) {
        gs_auto_free char *text = gs_format("{\"v\":%s}", value);
        cJSON *v = gs_json_parse(text, strlen(text), err);
        if (!v)
            fail_msg("%s: %s", value, err->text);
        cJSON_AddItemToObject(task, member, cJSON_DetachItemFromObject(v, "v"));
        cJSON_Delete(v);
    }
    *keep = task;
    return gs_task_spec_parse(task, spec, err);
}

static const struct {
    const char *member;
    const char *bad[12]; /* "" stands for: left out */
} wrong[] = {
    {"id", {"", "null", "\"\"", "1", "[]", "true", "{}"}},
    {"process", {"", "null", "\"\"", "1", "[]"}},
    {"workdir", {"", "null", "\"\"", "\"w\"", "\"./w\"", "7"}},
    {"command",
     {"", "null", "[]", "\"true\"", "[1]", "[\"a\",null]", "[\"\"]", "{}",
      "[[\"a\"]]"}},
    {"name", {"1", "[]", "true"}},
    {"env",
     {"[]", "\"A=1\"", "{\"A\":1}", "{\"A\":null}", "{\"\":\"x\"}",
      "{\"A=B\":\"x\"}", "{\"A\":[]}"}},
    {"stdout", {"1", "[]"}},
    {"stderr", {"1", "{}"}},
    {"container", {"\"img\"", "{}", "{\"image\":\"\"}", "{\"image\":1}", "[]"}},
    {"cpus", {"0", "-1", "\"1\"", "1e9", "[]", "true"}},
    {"memory_bytes", {"0", "-1", "1.5", "\"1 GiB\"", "true", "[]"}},
    {"memory_max_bytes", {"0", "-1", "0.5", "\"1\""}},
    {"memory_in_script", {"1", "\"yes\"", "[]"}},
    {"disk_bytes", {"-1", "1.5", "\"1\""}},
    {"time_ms", {"0", "-5", "2.5", "\"1h\""}},
    {"gpus", {"-1", "1.5", "1025", "\"1\""}},
    {"gpu_type", {"1", "[]"}},
    {"arch", {"1", "[]"}},
    {"machine_type", {"1", "[]"}},
    {"spot", {"\"maybe\"", "true", "1"}},
    {"inputs",
     {"{}", "\"x\"", "[\"x\"]", "[{}]", "[{\"path\":1}]", "[{\"path\":\"\"}]",
      "[{\"path\":\"x\",\"bytes\":-1}]", "[{\"path\":\"x\",\"bytes\":1.5}]",
      "[null]"}},
    {"chromosome", {"7", "[]"}},
    {"features", {"[]", "{\"a\":\"1\"}", "{\"a\":null}", "7"}},
    {"labels", {"[]", "{\"a\":1}", "\"x\""}},
    {"priority", {"\"high\"", "1e13", "-1e13", "[]"}},
    {"attempt", {"0", "-1", "1.5", "\"1\"", "1000001"}},
    {"retry", {"\"nobody\"", "true", "1"}},
    {"restore", {"\"all\"", "false"}},
    {"retry_of", {"1", "[]"}},
    {"fingerprint", {"1", "[]"}},
};

static void each_field_wrong_in_each_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        for (int k = 0; k < 12 && wrong[i].bad[k]; k++) {
            struct gs_task_spec spec;
            struct gs_error err = {0};
            cJSON *task;
            const char *v = wrong[i].bad[k];
            int rc = parse(wrong[i].member, *v ? v : NULL, &spec, &task, &err);
            if (rc != -1 || !strstr(err.path, wrong[i].member) ||
                !err.text[0] || err.code != GS_ERR_INVALID)
                fail_msg("%s = %s: %d, path '%s': %s", wrong[i].member, v, rc,
                         err.path, err.text);
            cJSON_Delete(task);
        }
}

static void too_long_texts(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        int most;
    } texts[] = {{"id", 128},       {"process", 1024}, {"workdir", 4096},
                 {"retry_of", 128}, {"stdout", 4096},  {"fingerprint", 1024}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        for (int over = 0; over < 2; over++) {
            struct gs_task_spec spec;
            struct gs_error err = {0};
            cJSON *task;
            gs_auto_free char *text =
                gs_format("\"/%0*d\"", texts[i].most - 1 + over, 7);
            int rc = parse(texts[i].member, text, &spec, &task, &err);
            assert_int_equal(rc, -over);
            cJSON_Delete(task);
        }
    gs_auto_json cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < 100001; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString("x"));
    gs_auto_free char *text = gs_json_print(list);
    struct gs_task_spec spec;
    struct gs_error err = {0};
    cJSON *task;
    assert_int_equal(parse("command", text, &spec, &task, &err), -1);
    assert_int_equal(err.code, GS_ERR_LIMIT);
    cJSON_Delete(task);
}

static void a_task_that_is_no_object(void **state)
{
    (void)state;
    struct gs_error err = {0};
    struct gs_task_spec spec;
    gs_auto_json cJSON *list = cJSON_CreateArray();
    gs_auto_json cJSON *null = cJSON_CreateNull();
    assert_int_equal(gs_task_spec_parse(list, &spec, &err), -1);
    assert_int_equal(gs_task_spec_parse(null, &spec, &err), -1);
    assert_string_equal(err.path, "tasks");
}

static void what_is_left_out(void **state)
{
    (void)state;
    struct gs_task_spec s;
    struct gs_error err = {0};
    cJSON *task;
    assert_int_equal(parse("nothing", "null", &s, &task, &err), 0);
    assert_string_equal(s.stdout_path, ".genosched.out");
    assert_string_equal(s.stderr_path, ".genosched.err");
    assert_null(s.name);
    assert_null(s.env);
    assert_int_equal(s.request.memory_bytes, -1);
    assert_true(s.request.cpus == 1);
    assert_int_equal(s.memory_max_bytes, -1);
    assert_int_equal(s.input_bytes, -1);
    assert_int_equal(s.retry, GS_RETRY_BY_GENOSCHED);
    assert_int_equal(s.restore, GS_RESTORE_WORKDIR);
    gs_auto_free char **argv = gs_task_spec_argv(&s);
    assert_string_equal(argv[0], "true");
    assert_string_equal(argv[1], "x");
    assert_null(argv[2]);
    cJSON_Delete(task);
}

static void inputs_add_up_where_all_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *inputs;
        int64_t sum;
    } sums[] = {
        {"[]", -1},
        {"[{\"path\":\"a\",\"bytes\":5},{\"path\":\"b\",\"bytes\":7}]", 12},
        {"[{\"path\":\"a\",\"bytes\":5},{\"path\":\"b\"}]", -1},
        {"[{\"path\":\"a\",\"bytes\":0}]", 0}};
    for (size_t i = 0; i < sizeof sums / sizeof *sums; i++) {
        struct gs_task_spec s;
        struct gs_error err = {0};
        cJSON *task;
        assert_int_equal(parse("inputs", sums[i].inputs, &s, &task, &err), 0);
        assert_int_equal(s.input_bytes, sums[i].sum);
        cJSON_Delete(task);
    }
}

static void nothing_secret_is_in_an_error(void **state)
{
    (void)state;
    static const char *const envs[] = {"{\"A\":\"canary\",\"B=C\":\"canary\"}",
                                       "{\"A\":[\"canary\"]}", "[\"canary\"]"};
    for (size_t i = 0; i < sizeof envs / sizeof *envs; i++) {
        struct gs_task_spec s;
        struct gs_error err = {0};
        cJSON *task;
        assert_int_equal(parse("env", envs[i], &s, &task, &err), -1);
        assert_null(strstr(err.text, "canary"));
        cJSON_Delete(task);
    }
}

static void shuffle(cJSON *object)
{
    int n = cJSON_GetArraySize(object);
    for (int i = 0; i < n; i++) {
        cJSON *c = cJSON_DetachItemFromArray(object, random_below(n));
        cJSON_AddItemToObject(object, c->string, c);
    }
    for (cJSON *c = object->child; c; c = c->next)
        if (cJSON_IsObject(c))
            shuffle(c);
}

static void digests_do_not_see_the_order_of_members(void **state)
{
    (void)state;
    static const char text[] =
        "{\"a\":1,\"b\":[1,2,{\"x\":true,\"y\":null}],\"c\":{\"d\":\"e\","
        "\"f\":{\"g\":0.5,\"h\":\"\"}},\"i\":false}";
    random_begin("digest");
    char first[33], other[33];
    gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), NULL);
    gs_json_digest(json, first);
    assert_int_equal(strlen(first), 32);
    for (int i = 0; i < 200; i++) {
        shuffle(json);
        gs_json_digest(json, other);
        assert_string_equal(first, other);
    }
}

static void digests_see_everything_else(void **state)
{
    (void)state;
    static const char *const texts[] = {"{}",
                                        "[]",
                                        "null",
                                        "true",
                                        "false",
                                        "0",
                                        "1",
                                        "\"\"",
                                        "\"0\"",
                                        "{\"a\":1}",
                                        "{\"b\":1}",
                                        "{\"a\":\"1\"}",
                                        "{\"a\":null}",
                                        "{\"a\":[]}",
                                        "{\"a\":{}}",
                                        "[1,2]",
                                        "[2,1]",
                                        "[[1],2]",
                                        "[[1,2]]",
                                        "[\"ab\",\"c\"]",
                                        "[\"a\",\"bc\"]",
                                        "{\"a\":{\"b\":1}}",
                                        "{\"a\":{},\"b\":1}",
                                        "{\"}\":1}",
                                        "{\"a\":{\"}\":\"b\"}}",
                                        "9007199254740991",
                                        "9007199254740992",
                                        "0.1",
                                        "0.10000000000000002"};
    enum { N = sizeof texts / sizeof *texts };
    char digests[N][33];
    for (int i = 0; i < N; i++) {
        gs_auto_json cJSON *json =
            gs_json_parse(texts[i], strlen(texts[i]), NULL);
        assert_non_null(json);
        gs_json_digest(json, digests[i]);
        for (int k = 0; k < i; k++)
            if (strcmp(digests[i], digests[k]) == 0)
                fail_msg("%s and %s", texts[i], texts[k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_field_wrong_in_each_way),
        cmocka_unit_test(too_long_texts),
        cmocka_unit_test(a_task_that_is_no_object),
        cmocka_unit_test(what_is_left_out),
        cmocka_unit_test(inputs_add_up_where_all_are_known),
        cmocka_unit_test(nothing_secret_is_in_an_error),
        cmocka_unit_test(digests_do_not_see_the_order_of_members),
        cmocka_unit_test(digests_see_everything_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
