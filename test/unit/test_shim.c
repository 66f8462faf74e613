/*
 * The shim as a program: what it says to people, and that a damaged spec is
 * refused as a whole, without a crash and without running anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/mem.h"
#include "spec.h"

enum {
    SPEC_ROOM = 4096,
    REFUSED = 2,
    NO_FOLDER = 3,
};

static char root[] = "/tmp/gs-test-shim-XXXXXX";

/* Runs the shim with this spec on its descriptor; -1: ended by a signal. */
static int run_shim(const char *spec, size_t len)
{
    int fd = memfd_create("spec", 0), status;
    assert_true(write(fd, spec, len) == (ssize_t)len);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int i = 0; i < 3; i++)
            dup2(null, i);
        dup2(fd, GS_SPEC_FD);
        dup2(null, GS_LOCK_FD);
        dup2(null, GS_LEDGER_FD);
        const char *shim = getenv("GENOSCHED_SHIM");
        execl(shim, "genosched-shim", "--spec-fd", "3", "x", NULL);
        _exit(99);
    }
    close(fd);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Texts with NUL behind each, from lines. Returns the length. */
static size_t spec_of(char out[SPEC_ROOM], const char *lines)
{
    size_t len = strlen(lines);
    assert_true(len < SPEC_ROOM);
    for (size_t i = 0; i < len; i++)
        out[i] = lines[i] == '\n' ? '\0' : lines[i];
    return len;
}

static size_t good_spec(char out[SPEC_ROOM], const char *dir)
{
    gs_auto_free char *lines = gs_format(
        "%s\nname=t/1\ndir=%s\nworkdir=%s\nstdout=out\nstderr=err\n"
        "enforce=none\nlimit=0\ntime_ms=5000\ngrace_ms=100\nsample_ms=100\n"
        "oom_score=500\narg=sh\narg=-c\narg=echo $V >ran\nenv=V=yes\n"
        "env=PATH=/bin:/usr/bin\nend=1\n",
        GS_SPEC_MAGIC, dir, dir);
    return spec_of(out, lines);
}

static char *path_of(const char *name)
{
    return gs_format("%s/%s", root, name);
}

static void clear(void)
{
    static const char *const files[] = {"ran",         "begun", "record.tmp",
                                        "record.json", "out",   "err"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        gs_auto_free char *path = path_of(files[i]);
        unlink(path);
    }
}

static bool has(const char *name)
{
    gs_auto_free char *path = path_of(name);
    return gs_path_exists(path);
}

static void a_good_spec_runs(void **state)
{
    (void)state;
    char spec[SPEC_ROOM];
    size_t len = good_spec(spec, root);
    clear();
    assert_int_equal(run_shim(spec, len), 0);
    assert_true(has("ran") && has("begun") && has("record.json"));
    assert_false(has("record.tmp"));
    clear();
    len = good_spec(spec, "/nonexistent");
    assert_int_equal(run_shim(spec, len), NO_FOLDER);
}

static void every_cut_is_refused(void **state)
{
    (void)state;
    char spec[SPEC_ROOM];
    size_t len = good_spec(spec, root);
    clear();
    for (size_t cut = 0; cut < len; cut += 7)
        assert_int_equal(run_shim(spec, cut), REFUSED);
    assert_int_equal(run_shim(spec, len - 1), REFUSED);
    assert_false(has("ran") || has("begun"));
}

static void nonsense_is_refused(void **state)
{
    static const char *const bad[] = {
        "hello\n",
        GS_SPEC_MAGIC "\nend=1\n",
        GS_SPEC_MAGIC "\nunknown=1\nend=1\n",
        GS_SPEC_MAGIC "\nno equals sign\nend=1\n",
        GS_SPEC_MAGIC "\nname=a\ndir=/\nworkdir=/\nstdout=o\nstderr=e\n"
                      "sample_ms=0\narg=true\nend=1\n",
        GS_SPEC_MAGIC "\nname=a\ndir=/\nworkdir=/\nstdout=o\nstderr=e\n"
                      "sample_ms=1x\narg=true\nend=1\n",
        GS_SPEC_MAGIC "\nname=a\ndir=/\nworkdir=/\nstdout=o\nstderr=e\n"
                      "sample_ms=99999999999999999999\narg=true\nend=1\n",
        GS_SPEC_MAGIC "\nname=a\ndir=/\nworkdir=/\nstdout=o\nstderr=e\n"
                      "sample_ms=1\nenforce=cgroup\narg=true\nend=1\n",
        GS_SPEC_MAGIC "\nname=a\ndir=/\nworkdir=/\nstdout=o\nstderr=e\n"
                      "sample_ms=1\noom_score=1001\narg=true\nend=1\n",
    };
    (void)state;
    char spec[SPEC_ROOM];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(run_shim(spec, spec_of(spec, bad[i])), REFUSED);
}

/* Bytes at random: never a crash. The command may differ, so only the frame
 * before the first argument is damaged. */
static void damage_never_crashes(void **state)
{
    (void)state;
    char good[SPEC_ROOM], spec[SPEC_ROOM];
    size_t len = good_spec(good, root);
    const char *args = memmem(good, len, "arg=", 4);
    unsigned seed = 20260101;
    for (int i = 0; i < 100; i++) {
        memcpy(spec, good, len);
        seed = seed * 1103515245 + 12345;
        spec[(seed >> 8) % (size_t)(args - good)] = (char)(seed >> 24);
        clear();
        assert_int_not_equal(run_shim(spec, len), -1);
    }
}

static int shell(const char *tail)
{
    gs_auto_free char *command =
        gs_format("$GENOSCHED_SHIM %s >/dev/null 2>&1", tail);
    pid_t pid = fork();
    int status;
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", command, NULL);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

static void what_people_get(void **state)
{
    (void)state;
    assert_int_equal(shell("--version"), 0);
    assert_int_equal(shell(""), REFUSED);
    assert_int_equal(shell("--help me"), REFUSED);
    assert_int_equal(shell("--spec-fd 7"), REFUSED);
}

static int make_root(void **state)
{
    (void)state;
    if (!getenv("GENOSCHED_SHIM"))
        fail_msg("GENOSCHED_SHIM is not set; run the tests with ctest");
    return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state)
{
    (void)state;
    return gs_dir_remove(root, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_spec_runs),
        cmocka_unit_test(every_cut_is_refused),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(damage_never_crashes),
        cmocka_unit_test(what_people_get),
    };
    return cmocka_run_group_tests_name("shim", tests, make_root, remove_root);
}
