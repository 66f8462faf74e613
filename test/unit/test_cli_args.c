/*
 * The verb table and the reader of options: every verb can be parsed, and a
 * wrong word is a usage error that changes nothing.
 */
#include "cli/cli.h"
#include "cli/format.h"
#include "scratch.h"

/* argv of getopt must be writable. */
static int parse(struct gs_cli_args *args, const char *words)
{
    static char text[256];
    static char *argv[16];
    int argc = 0;
    char *save;
    snprintf(text, sizeof text, "%s", words);
    for (char *w = strtok_r(text, " ", &save); w;
         w = strtok_r(NULL, " ", &save))
        argv[argc++] = w;
    argv[argc] = NULL;
    return gs_cli_parse(argc, argv, args);
}

static void the_table_is_sound(void **state)
{
    (void)state;
    size_t n, n_common;
    const struct gs_cli_verb *verbs = gs_cli_verbs(&n);
    gs_cli_common_options(&n_common);
    for (size_t i = 0; i < n; i++) {
        size_t options = n_common;
        assert_non_null(verbs[i].call);
        assert_ptr_equal(gs_cli_verb_find(verbs[i].name), &verbs[i]);
        assert_true(strlen(verbs[i].summary) > 10);
        assert_true(strlen(verbs[i].summary) < 66); /* one line of help */
        for (const struct gs_cli_option *o = verbs[i].options; o && o->name;
             o++, options++) {
            assert_true(strlen(o->help) > 5);
            assert_true(!o->choices || o->value);
            for (const struct gs_cli_option *p = verbs[i].options; p != o;
                 p++) {
                assert_string_not_equal(p->name, o->name);
                assert_true(!o->letter || p->letter != o->letter);
            }
        }
        assert_true(options <= GS_CLI_MAX_OPTIONS);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(verbs[i].name, verbs[k].name);
    }
    assert_null(gs_cli_verb_find("nothing"));
}

static void reads_options_and_operands(void **state)
{
    (void)state;
    struct gs_cli_args args;
    assert_int_equal(parse(&args, "tasks run1 -s failed --sort=peak -r"),
                     GS_CLI_GO);
    assert_string_equal(gs_cli_value(&args, "state"), "failed");
    assert_string_equal(gs_cli_value(&args, "sort"), "peak");
    assert_true(gs_cli_flag(&args, "reverse"));
    assert_false(gs_cli_flag(&args, "tsv"));
    assert_null(gs_cli_value(&args, "process"));
    assert_null(gs_cli_value(&args, "no such option"));
    assert_int_equal(args.n_operands, 1); /* found behind and before */
    assert_string_equal(args.operands[0], "run1");
    assert_int_equal(parse(&args, "tasks -s a -s b"), GS_CLI_GO);
    assert_string_equal(gs_cli_value(&args, "state"), "b");
    assert_int_equal(parse(&args, "cancel -- -x --all"), GS_CLI_GO);
    assert_int_equal(args.n_operands, 2);
    assert_string_equal(args.operands[0], "-x");
    assert_false(gs_cli_flag(&args, "all"));
    /* Nothing is left over from the one before. */
    assert_int_equal(parse(&args, "status"), GS_CLI_GO);
    assert_false(gs_cli_flag(&args, "watch"));
    assert_int_equal(args.n_operands, 0);
}

static void refuses_what_is_wrong(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "tasks --sort size",
        "tasks a b",
        "tasks --statex",
        "tasks --state",
        "tasks -Z",
        "tasks --json=yes",
        "explain",
        "config",
        "config dance",
        "completion fish",
        "version --color",
        "serve --json",
        "status --color=blue",
    };
    struct gs_cli_args args;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (parse(&args, wrong[i]) != GS_EXIT_USAGE)
            fail_msg("accepted: %s", wrong[i]);
}

static void exit_codes(void **state)
{
    (void)state;
    assert_int_equal(gs_cli_exit_code(GS_OK), 0);
    assert_int_equal(gs_cli_exit_code(GS_ERR_NOTFOUND), 1);
    assert_int_equal(gs_cli_exit_code(GS_ERR_INVALID), 2);
    assert_int_equal(gs_cli_exit_code(GS_ERR_CONFIG), 3);
    assert_int_equal(gs_cli_exit_code(GS_ERR_BACKEND), 4);
    assert_int_equal(gs_cli_exit_code(GS_ERR_LOCKED), 5);
    assert_int_equal(gs_cli_exit_code(GS_ERR_FULL), 5);
    assert_int_equal(gs_cli_exit_code(GS_ERR_INTERNAL), 70);
}

static void shows_durations(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {-1, "-"},
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {59999, "59.9 s"},
        {60000, "1 min 00 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 00 min"},
        {INT64_C(172799999), "47 h 59 min"},
        {INT64_C(172800000), "2 d 00 h"},
        {INT64_C(9007199254740992), "104249991 d 08 h"},
    };
    char out[GS_TEXT_ROOM];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(gs_show_duration(cases[i].ms, out), cases[i].text);
}

static void strips_control_characters(void **state)
{
    (void)state;
    assert_null(gs_printable(NULL));
    gs_auto_free char *a = gs_printable("a\033[31mb\nc\td\x7f");
    assert_string_equal(a, "a [31mb c d ");
    gs_auto_free char *b = gs_printable("\xc2\x9b"
                                        "31m \xc3\xa9");
    assert_string_equal(b, "  31m \xc3\xa9"); /* the one-character CSI */
    gs_auto_free char *c = gs_printable("\xc2");
    assert_string_equal(c, "?"); /* not UTF-8 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound),
        cmocka_unit_test(reads_options_and_operands),
        cmocka_unit_test(refuses_what_is_wrong),
        cmocka_unit_test(exit_codes),
        cmocka_unit_test(shows_durations),
        cmocka_unit_test(strips_control_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
