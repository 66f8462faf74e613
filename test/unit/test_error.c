/*
 * Errors: filled, wrapped and cut, errno kept; and the log's one-line rule.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "scratch.h"

static void fills(void **state)
{
    (void)state;
    struct gs_error err = {.line = 7, .column = 8, .path = "old"};
    errno = EAGAIN;
    assert_int_equal(gs_fail(&err, GS_ERR_STATE, "run %d", 5), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(err.code, GS_ERR_STATE);
    assert_string_equal(err.text, "run 5");
    assert_string_equal(err.path, ""); /* nothing is left of the last one */
    assert_int_equal(err.line, 0);
    assert_int_equal(err.column, 0);
    gs_fail_at(&err, GS_ERR_INVALID, "tasks[3].id", "bad");
    assert_string_equal(err.path, "tasks[3].id");
}

static void takes_null(void **state)
{
    (void)state;
    assert_int_equal(gs_fail(NULL, GS_ERR_STATE, "x"), -1);
    assert_int_equal(gs_fail_at(NULL, GS_ERR_STATE, "p", "x"), -1);
    assert_int_equal(gs_fail_errno(NULL, GS_ERR_STATE, "x"), -1);
    assert_int_equal(gs_wrap(NULL, "x"), -1);
}

static void full_disk_has_its_code(void **state)
{
    (void)state;
    struct gs_error err;
    errno = ENOSPC;
    gs_fail_errno(&err, GS_ERR_SYSTEM, "writing %s", "f");
    assert_int_equal(err.code, GS_ERR_FULL);
    assert_string_equal(err.text, "writing f: No space left on device");
    errno = EDQUOT;
    gs_fail_errno(&err, GS_ERR_SYSTEM, "x");
    assert_int_equal(err.code, GS_ERR_FULL);
    errno = EACCES;
    gs_fail_errno(&err, GS_ERR_SYSTEM, "x");
    assert_int_equal(err.code, GS_ERR_SYSTEM);
}

static void wraps_and_keeps_the_place(void **state)
{
    (void)state;
    struct gs_error err;
    gs_fail_at(&err, GS_ERR_CONFIG, "file", "inner");
    err.line = 3;
    assert_int_equal(gs_wrap(&err, "outer %d", 1), -1);
    assert_string_equal(err.text, "outer 1: inner");
    assert_string_equal(err.path, "file");
    assert_int_equal(err.line, 3);
    assert_int_equal(err.code, GS_ERR_CONFIG);
}

static void cuts_what_is_too_long(void **state)
{
    (void)state;
    struct gs_error err;
    char lots[4000];
    memset(lots, 'x', sizeof lots - 1);
    lots[sizeof lots - 1] = '\0';
    gs_fail_at(&err, GS_ERR_INVALID, lots, "%s", lots);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(strlen(err.path), sizeof err.path - 1);
    gs_wrap(&err, "%s", lots);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    errno = EACCES;
    gs_fail_errno(&err, GS_ERR_SYSTEM, "%s", lots);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

/* What comes from outside forges no second line and no escape sequence. */
static void log_writes_one_line(void **state)
{
    (void)state;
    char *dir = scratch_make();
    gs_auto_free char *path = gs_format("%s/log", dir);
    size_t len;
    struct gs_error err;
    char lots[10000];
    memset(lots, 'y', sizeof lots - 1);
    lots[sizeof lots - 1] = '\0';
    assert_int_equal(gs_log_open(path), 0);
    gs_log_set_level(GS_LOG_INFO);
    gs_info("a\nb\033[31mc\x7f");
    gs_debug("not this");
    gs_info("%s", lots);
    gs_log_open(NULL);
    gs_info("nor this");
    gs_auto_free char *text = gs_file_read(path, 1 << 20, &len, &err);
    assert_non_null(text);
    assert_non_null(strstr(text, "info: a b [31mc"));
    assert_null(strchr(text, '\033'));
    assert_null(strchr(text, '\x7f'));
    assert_null(strstr(text, "this"));
    int lines = 0;
    for (size_t i = 0; i < len; i++)
        lines += text[i] == '\n';
    assert_int_equal(lines, 2);
    assert_true(len < 5000);
    assert_int_equal(text[len - 1], '\n');
    scratch_drop(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills),
        cmocka_unit_test(takes_null),
        cmocka_unit_test(full_disk_has_its_code),
        cmocka_unit_test(wraps_and_keeps_the_place),
        cmocka_unit_test(cuts_what_is_too_long),
        cmocka_unit_test(log_writes_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
