/*
 * The configuration: what each key takes, where a mistake is reported, and
 * that a mistake changes nothing.
 */
#include "base/config.h"
#include "base/json.h"
#include "base/suggest.h"
#include "scratch.h"

struct fixture {
    char *dir;
    struct gs_config *config;
    struct gs_error err;
};

static int make(void **state)
{
    struct fixture *f = gs_calloc(1, sizeof *f);
    unsetenv("GENOSCHED_STATE");
    unsetenv("GENOSCHED_CONFIG");
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_CONFIG_HOME");
    setenv("HOME", "/home/nobody-here", 1);
    f->dir = scratch_make();
    f->config = gs_config_create();
    *state = f;
    return 0;
}

static int drop(void **state)
{
    struct fixture *f = *state;
    gs_config_destroy(f->config);
    gs_config_destroy(NULL);
    scratch_drop(f->dir);
    free(f);
    return 0;
}

static int load(struct fixture *f, const char *text)
{
    gs_auto_free char *path = scratch_file(f->dir, "genosched.yaml", text);
    f->err = (struct gs_error){0};
    return gs_config_load(f->config, path, &f->err);
}

static int merge(struct fixture *f, const char *text)
{
    struct gs_error err = {0};
    gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), &err);
    if (!json)
        fail_msg("%s: %s", text, err.text);
    f->err = (struct gs_error){0};
    return gs_config_merge(f->config, json, "initialize.config", &f->err);
}

static void defaults(void **state)
{
    struct fixture *f = *state;
    const struct gs_config *c = f->config;
    assert_string_equal(gs_config_string(c, "backend"), "local");
    assert_string_equal(gs_config_string(c, "state_dir"),
                        "/home/nobody-here/.local/state/genosched");
    assert_true(gs_config_bool(c, "adopt"));
    assert_string_equal(gs_config_string(c, "on_engine_exit"), "cancel");
    assert_true(gs_config_size(c, "local.memory") == -1);
    assert_true(gs_config_number(c, "local.cpus") == -1);
    assert_true(gs_config_int(c, "local.gpus") == -1);
    assert_null(gs_config_string(c, "local.cgroup"));
    assert_null(gs_config_text(c, "local.memory"));
    assert_true(gs_config_size(c, "predict.default_memory") == INT64_C(2)
                                                                   << 30);
    assert_true(gs_config_number(c, "predict.java_heap") == 0.8);
    assert_true(gs_config_int(c, "retry.max_oom") == 3);
    assert_true(gs_config_number(c, "retry.oom_growth") == 2.0);
    assert_true(gs_config_duration(c, "settle_ms") == 50);
    assert_true(gs_config_int(c, "sample_ms") == 1000);
    assert_string_equal(gs_config_origin(c, "backend"), "default");
    assert_null(gs_config_file(c));
}

/* Every entry is whole, and its default passes its own check. */
static void the_table_is_sound(void **state)
{
    struct fixture *f = *state;
    size_t n;
    const struct gs_option *o = gs_config_options(&n);
    assert_true(n > 10);
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(o[i].key) < 64);
        assert_true(strlen(o[i].help) > 20);
        assert_int_equal(o[i].help[strlen(o[i].help) - 1], '.');
        assert_int_equal(o[i].choices != NULL, o[i].type == GS_OPTION_CHOICE);
        assert_non_null(gs_config_origin(f->config, o[i].key));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(o[i].key, o[k].key);
    }
}

static void loads_nested_and_dotted(void **state)
{
    struct fixture *f = *state;
    static const char text[] = "# a comment\n"
                               "backend: local\n"
                               "local:\n"
                               "  memory: 20 GiB\n"
                               "  cpus: 7.5\n"
                               "  enforce: \"pss\"\n"
                               "predict:\n"
                               "retry.max_oom: 0\n"
                               "retry: {max_lost: 9, oom_growth: 1.5}\n"
                               "settle_ms: 2 s\n"
                               "sample_ms: 250\n"
                               "adopt: false\n"
                               "log:\n"
                               "  level: ~\n"
                               "  file: logs/g.log\n";
    if (load(f, text) < 0)
        fail_msg("%s", f->err.text);
    const struct gs_config *c = f->config;
    assert_true(gs_config_size(c, "local.memory") == INT64_C(20) << 30);
    assert_true(gs_config_number(c, "local.cpus") == 7.5);
    assert_string_equal(gs_config_string(c, "local.enforce"), "pss");
    assert_true(gs_config_int(c, "retry.max_oom") == 0);
    assert_true(gs_config_int(c, "retry.max_lost") == 9);
    assert_true(gs_config_duration(c, "settle_ms") == 2000);
    assert_true(gs_config_duration(c, "sample_ms") == 250);
    assert_false(gs_config_bool(c, "adopt"));
    assert_string_equal(gs_config_string(c, "log.level"), "info");
    gs_auto_free char *log = gs_format("%s/logs/g.log", f->dir);
    assert_string_equal(gs_config_string(c, "log.file"), log);
    gs_auto_free char *origin = gs_format("%s/genosched.yaml:4:11", f->dir);
    assert_string_equal(gs_config_origin(c, "local.memory"), origin);
    assert_string_equal(gs_config_text(c, "local.memory"), "20 GiB");
    assert_string_equal(gs_config_origin(c, "predict.enabled"), "default");
    assert_string_equal(gs_config_origin(c, "log.level"), "default");
    assert_non_null(strstr(gs_config_file(c), "/genosched.yaml"));
}

struct mistake {
    const char *text;
    int line, column;
    const char *says;
};

static const struct mistake mistakes[] = {
    {"bakend: local\n", 1, 1, "unknown key 'bakend'; did you mean 'backend'?"},
    {"\n\nlocal:\n  memroy: 1 GiB\n", 4, 3,
     "unknown key 'local.memroy'; did you mean 'local.memory'?"},
    {"predcit:\n  enabled: true\n", 1, 1, "did you mean 'predict'?"},
    {"memory: 1 GiB\n", 1, 1, "did you mean 'local.memory'?"},
    {"local:\n  qqqqqqqq: 1\n", 2, 3, "the keys of local are memory, cpus"},
    {"qqqqqqqq: 1\n", 1, 1, "the keys there are backend"},
    {"Backend: local\n", 1, 1, "did you mean 'backend'?"},
    {"backend: lokal\n", 1, 10, "'lokal' is none of local; did you mean"},
    {"limits: hard\n", 1, 9, "'hard' is none of: task, pooled"},
    {"adopt: yes\n", 1, 8, "'yes' is not true or false"},
    {"adopt: 1\n", 1, 8, "not true or false"},
    {"local:\n  memory: 20 G\n", 2, 11, "unit 'G'"},
    {"local:\n  memory: -1\n", 2, 11, "not a size"},
    {"local:\n  memory: lots\n", 2, 11, "not a size"},
    {"local:\n  memory: 1 MiB\n", 2, 11, "not between 64 MiB and"},
    {"local:\n  memory: 9e9\n", 2, 11, "unit 'e9'"},
    {"local:\n  memory: 99999999 PiB\n", 2, 11, "too large"},
    {"local: {cpus: many}\n", 1, 15, "not a number"},
    {"local: {cpus: 0}\n", 1, 15, "not between"},
    {"local: {cpus: nan}\n", 1, 15, "not a number"},
    {"local: {cpus: 1e999}\n", 1, 15, "too large"},
    {"local: {gpus: 1.5}\n", 1, 15, "not a whole number"},
    {"local: {gpus: -1}\n", 1, 15, "not between 0 and"},
    {"local: {cgroup: $NOT_SET_HERE/x}\n", 1, 17,
     "environment variable NOT_SET_HERE is not set"},
    {"local: {cgroup: ''}\n", 1, 17, "an empty path"},
    {"settle_ms: 1 fortnight\n", 1, 12, "unit 'fortnight'"},
    {"settle_ms: 2 h\n", 1, 12, "not between 0 ms and 60000 ms"},
    {"predict:\n  java_heap: 1.5\n", 2, 14, "not between 0 and 0.95"},
    {"backend: local\nbackend: local\n", 2, 1, "twice, first on line 1"},
    {"log: {level: info}\nlog: {file: x}\n", 2, 1, "twice, first on line 1"},
    {"log: {level: info}\nlog.level: info\n", 2, 1, "twice, first on line 1"},
    {"local: 5\n", 1, 8, "'local' is a section"},
    {"backend: {a: b}\n", 1, 10, "has one value, not a section"},
    {"backend: [local]\n", 1, 10, "a list is not expected"},
    {"- backend\n", 1, 1, "a list is not expected"},
    {"just text\n", 1, 1, "'key: value' are due"},
    {"backend: &a local\n", 1, 10, "anchors"},
    {"backend: *a\n", 1, 10, "aliases"},
    {"backend: !!str local\n", 1, 10, "tags"},
    {"? [a]\n: b\n", 1, 3, "a list is not expected"},
    {"backend: local\n---\nadopt: true\n", 2, 1, "second document"},
    {"backend: \"local\n", 2, 1, "not valid YAML"},
    {"local:\n  memory: 1 GiB\n cpus: 1\n", 3, 2, "not valid YAML"},
    {"backend:\tlocal: x\n", 1, 15, "not valid YAML"},
};

static void mistakes_have_their_place(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        const struct mistake *m = &mistakes[i];
        if (load(f, m->text) == 0)
            fail_msg("accepted:\n%s", m->text);
        assert_int_equal(f->err.code, GS_ERR_CONFIG);
        if (!strstr(f->err.text, m->says))
            fail_msg("%s\nsays \"%s\", not \"%s\"", m->text, f->err.text,
                     m->says);
        gs_auto_free char *place =
            gs_format("genosched.yaml:%d:%d: ", m->line, m->column);
        if (!strstr(f->err.text, place) || f->err.line != m->line ||
            f->err.column != m->column)
            fail_msg("%s\nsays \"%s\" (%d:%d), not at %s", m->text, f->err.text,
                     f->err.line, f->err.column, place);
        assert_non_null(strstr(f->err.path, "genosched.yaml"));
    }
    size_t n;
    const struct gs_option *o = gs_config_options(&n);
    for (size_t i = 0; i < n; i++) /* all of it changed nothing */
        assert_string_equal(gs_config_origin(f->config, o[i].key), "default");
}

static void hostile_files(void **state)
{
    struct fixture *f = *state;
    gs_auto_free char *path = gs_format("%s/genosched.yaml", f->dir);
    static const char nul[] = "backend: \"lo\\0cal\"\n";
    static const char latin1[] = "backend: l\xf6kal\n";
    assert_int_equal(load(f, nul), -1);
    assert_non_null(strstr(f->err.text, "NUL byte"));
    assert_int_equal(load(f, latin1), -1);
    assert_non_null(strstr(f->err.text, "UTF-8"));
    gs_auto_free char *deep = gs_calloc(1, 100000);
    memset(deep, '{', 50000);
    assert_int_equal(load(f, deep), -1);
    gs_auto_free char *large = gs_malloc((1 << 20) + 2);
    memset(large, '#', (1 << 20) + 1);
    large[(1 << 20) + 1] = '\0';
    assert_int_equal(load(f, large), -1);
    assert_non_null(strstr(f->err.text, "larger than"));
    gs_auto_free char *key = gs_malloc(2010);
    memset(key, 'k', 2000);
    memcpy(key + 2000, ": 1\n", 5);
    assert_int_equal(load(f, key), -1);
    assert_int_equal(load(f, ""), 0);
    assert_int_equal(load(f, "---\n...\n"), 0);
    assert_int_equal(load(f, "# nothing\n"), 0);
    assert_int_equal(load(f, "\xef\xbb\xbf"
                             "adopt: false\r\n"),
                     0);
    assert_false(gs_config_bool(f->config, "adopt"));
    unlink(path);
    assert_int_equal(gs_config_load(f->config, path, &f->err), -1);
    assert_int_equal(f->err.code, GS_ERR_CONFIG);
    assert_int_equal(gs_config_load(f->config, f->dir, &f->err), -1);
    assert_int_equal(f->err.code, GS_ERR_CONFIG);
}

static void merges_json(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(load(f, "retry: {max_oom: 7}\nadopt: false\n"), 0);
    if (merge(f, "{\"local\":{\"memory\":1073741824,\"cpus\":2,"
                 "\"disk\":null},\"predict.java_heap\":0,"
                 "\"settle_ms\":\"1 s\",\"adopt\":true,\"log\":null}") < 0)
        fail_msg("%s", f->err.text);
    const struct gs_config *c = f->config;
    assert_true(gs_config_size(c, "local.memory") == INT64_C(1) << 30);
    assert_true(gs_config_number(c, "local.cpus") == 2);
    assert_true(gs_config_number(c, "predict.java_heap") == 0);
    assert_true(gs_config_duration(c, "settle_ms") == 1000);
    assert_true(gs_config_bool(c, "adopt"));
    assert_true(gs_config_int(c, "retry.max_oom") == 7); /* kept */
    assert_string_equal(gs_config_origin(c, "adopt"), "initialize.config");
    assert_int_equal(gs_config_merge(f->config, NULL, "x", &f->err), 0);
}

static void json_mistakes_name_the_key(void **state)
{
    static const struct {
        const char *text, *key, *says;
    } bad[] = {
        {"[]", "config", "must be an object"},
        {"{\"bakend\":\"local\"}", "bakend", "did you mean 'backend'?"},
        {"{\"local\":{\"memroy\":1}}", "local.memroy", "local.memory"},
        {"{\"local\":5}", "local", "is a section"},
        {"{\"backend\":{}}", "backend", "must be a text"},
        {"{\"backend\":5}", "backend", "must be a text"},
        {"{\"adopt\":\"true\"}", "adopt", "must be true or false"},
        {"{\"adopt\":1}", "adopt", "must be true or false"},
        {"{\"local\":{\"cpus\":\"2\"}}", "local.cpus", "must be a number"},
        {"{\"local\":{\"gpus\":1.5}}", "local.gpus", "not a whole number"},
        {"{\"local\":{\"memory\":true}}", "local.memory", "must be a size"},
        {"{\"local\":{\"memory\":1.5}}", "local.memory", "not between"},
        {"{\"local\":{\"memory\":-5}}", "local.memory", "not a size"},
        {"{\"local\":{\"memory\":[1]}}", "local.memory", "must be a size"},
        {"{\"retry\":{\"max_oom\":1},\"retry.max_oom\":1}", "retry.max_oom",
         "twice"},
        {"{\"adopt\":false,\"backend\":\"moon\"}", "backend", "none of"},
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (merge(f, bad[i].text) == 0)
            fail_msg("accepted: %s", bad[i].text);
        assert_int_equal(f->err.code, GS_ERR_CONFIG);
        assert_string_equal(f->err.path, bad[i].key);
        if (!strstr(f->err.text, bad[i].says))
            fail_msg("%s: says \"%s\"", bad[i].text, f->err.text);
    }
    assert_true(gs_config_bool(f->config, "adopt")); /* nothing half done */
}

static void finds_the_file(void **state)
{
    struct fixture *f = *state;
    struct gs_error err;
    char *before = getcwd(NULL, 0);
    assert_int_equal(chdir(f->dir), 0);
    setenv("HOME", f->dir, 1);
    assert_int_equal(gs_config_find_and_load(f->config, NULL, &err), 0);
    assert_null(gs_config_file(f->config));
    gs_auto_free char *xdg = gs_format("%s/.config/genosched", f->dir);
    assert_int_equal(gs_dir_make(xdg, &err), 0);
    gs_auto_free char *home = scratch_file(xdg, "genosched.yaml", "");
    assert_int_equal(gs_config_find_and_load(f->config, NULL, &err), 0);
    assert_string_equal(gs_config_file(f->config), home);
    gs_auto_free char *here = scratch_file(f->dir, "genosched.yaml", "");
    assert_int_equal(gs_config_find_and_load(f->config, NULL, &err), 0);
    assert_string_equal(gs_config_file(f->config), "genosched.yaml");
    gs_auto_free char *named = scratch_file(f->dir, "named.yaml", "");
    setenv("GENOSCHED_CONFIG", named, 1);
    assert_int_equal(gs_config_find_and_load(f->config, NULL, &err), 0);
    assert_string_equal(gs_config_file(f->config), named);
    assert_int_equal(gs_config_find_and_load(f->config, here, &err), 0);
    assert_string_equal(gs_config_file(f->config), here);
    setenv("GENOSCHED_CONFIG", "/nonexistent/f.yaml", 1);
    assert_int_equal(gs_config_find_and_load(f->config, NULL, &err), -1);
    assert_int_equal(err.code, GS_ERR_CONFIG);
    unsetenv("GENOSCHED_CONFIG");
    assert_int_equal(chdir(before), 0);
    free(before);
}

static void expands_paths(void **state)
{
    struct fixture *f = *state;
    setenv("SOME_PLACE", "/some/place", 1);
    assert_int_equal(load(f, "state_dir: ~/s\n"), 0);
    assert_string_equal(gs_config_string(f->config, "state_dir"),
                        "/home/nobody-here/s");
    assert_int_equal(load(f, "state_dir: $SOME_PLACE/s\n"), 0);
    assert_string_equal(gs_config_string(f->config, "state_dir"),
                        "/some/place/s");
    assert_int_equal(load(f, "state_dir: ${SOME_PLACE}/s\n"), 0);
    assert_string_equal(gs_config_string(f->config, "state_dir"),
                        "/some/place/s");
    assert_int_equal(load(f, "state_dir: ~other/s\n"), 0); /* as it is */
    assert_int_equal(load(f, "state_dir: ${SOME_PLACE/s\n"), -1);
    setenv("GENOSCHED_STATE", "/from/env", 1);
    setenv("XDG_STATE_HOME", "/xdg", 1);
    struct gs_config *fresh = gs_config_create();
    assert_string_equal(gs_config_string(fresh, "state_dir"), "/from/env");
    assert_string_equal(gs_config_origin(fresh, "state_dir"),
                        "$GENOSCHED_STATE");
    gs_config_destroy(fresh);
    setenv("GENOSCHED_STATE", "$literally", 1);
    fresh = gs_config_create(); /* not expanded again, and no exit */
    assert_non_null(
        strstr(gs_config_string(fresh, "state_dir"), "/$literally"));
    gs_config_destroy(fresh);
    unsetenv("GENOSCHED_STATE");
    fresh = gs_config_create();
    assert_string_equal(gs_config_string(fresh, "state_dir"), "/xdg/genosched");
    gs_config_destroy(fresh);
}

static void sizes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t bytes; /* -1: refused */
    } cases[] = {
        {"0", 0},
        {"1073741824", 1073741824},
        {"20 GiB", INT64_C(21474836480)},
        {"20GiB", INT64_C(21474836480)},
        {"20 gib", INT64_C(21474836480)},
        {"1.5 GiB", 1610612736},
        {".5 KiB", 512},
        {"500 MB", 500000000},
        {"1 KB", 1000},
        {"1 kB", 1000},
        {"7 B", 7},
        {"1 TiB", INT64_C(1) << 40},
        {"  3 MiB", 3 << 20},
        {"8 PiB", INT64_C(1) << 53},
        {"8.1 PiB", -1},
        {"", -1},
        {"GiB", -1},
        {".", -1},
        {"1.2.3 GiB", -1},
        {"1 GiB 2", -1},
        {"1 G", -1},
        {"1 M", -1},
        {"-1 GiB", -1},
        {"+1 GiB", -1},
        {"0x10", -1},
        {"1e3", -1},
        {"1,5 GiB", -1},
        {"inf", -1},
        {"nan", -1},
        {"111111111111111111111111111111111111111111111111", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t bytes = -1;
        struct gs_error err = {0};
        int rc = gs_parse_size(cases[i].text, &bytes, &err);
        if (bytes != cases[i].bytes || (rc == 0) != (bytes >= 0))
            fail_msg("'%s' gave %lld", cases[i].text, (long long)bytes);
        assert_int_equal(rc == 0, err.code == GS_OK);
    }
}

static void durations(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {
        {"0", 0},          {"250", 250},        {"250 ms", 250},
        {"2 s", 2000},     {"1.5 s", 1500},     {"30 min", 1800000},
        {"2 h", 7200000},  {"1 day", 86400000}, {"2 days", 172800000},
        {"1 d", 86400000}, {"3 m", -1},         {"1 week", -1},
        {"", -1},          {"-5 s", -1},        {"soon", -1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        gs_parse_duration(cases[i].text, &ms, NULL);
        if (ms != cases[i].ms)
            fail_msg("'%s' gave %lld", cases[i].text, (long long)ms);
    }
}

static void prints_sizes(void **state)
{
    (void)state;
    static const struct {
        int64_t bytes;
        const char *text;
    } cases[] = {
        {-1, "-"},
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {10 << 10, "10 KiB"},
        {200 << 20, "200 MiB"},
        {1503238553, "1.4 GiB"},
        {INT64_C(20) << 30, "20.0 GiB"},
        {(INT64_C(1) << 30) - 1, "1.0 GiB"},
        {(INT64_C(1) << 20) - 1, "1.0 MiB"},
        {INT64_C(5) << 40, "5.0 TiB"},
    };
    char out[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(gs_print_size(cases[i].bytes, out, sizeof out),
                            cases[i].text);
}

static void suggestions(void **state)
{
    (void)state;
    assert_int_equal(gs_edit_distance("", ""), 0);
    assert_int_equal(gs_edit_distance("abc", ""), 3);
    assert_int_equal(gs_edit_distance("kitten", "sitting"), 3);
    assert_int_equal(gs_edit_distance("ab", "ba"), 1);  /* a swap is one */
    assert_int_equal(gs_edit_distance("ca", "abc"), 3); /* restricted form */
    assert_int_equal(gs_edit_distance("ABC", "abc"), 0);
    char lots[200];
    memset(lots, 'a', sizeof lots - 1);
    lots[sizeof lots - 1] = '\0';
    assert_int_equal(gs_edit_distance(lots, "a"), -1);
    const char *best = NULL;
    int distance = 0;
    gs_suggest("staus", "tasks", &best, &distance);
    gs_suggest("staus", "status", &best, &distance);
    gs_suggest("staus", "serve", &best, &distance);
    assert_string_equal(best, "status");
    best = NULL;
    gs_suggest("xy", "status", &best, &distance);
    assert_null(best);
    gs_suggest("vers", "version", &best, &distance);
    assert_string_equal(best, "version");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(defaults),
        TEST(the_table_is_sound),
        TEST(loads_nested_and_dotted),
        TEST(mistakes_have_their_place),
        TEST(hostile_files),
        TEST(merges_json),
        TEST(json_mistakes_name_the_key),
        TEST(finds_the_file),
        TEST(expands_paths),
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(prints_sizes),
        cmocka_unit_test(suggestions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
