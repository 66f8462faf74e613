/*
 * The run on a backend that fails as asked: starts in doubt, cancels that
 * fail, full disks, crashes at every step.
 */
#include "fake_backend.h"

#include "run/status.h"

static void a_task_runs_and_ends(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    assert_int_equal(rig_submit(&rig, "a", ""), 1);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_RUNNING);
    rig_end(&rig, "a", GS_REASON_EXIT, 0);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_SUCCEEDED);
    rig_reopen(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_SUCCEEDED);
    assert_int_equal(rig.world->starts, 1);
    rig_drop(&rig);
}

/* Nobody knows whether it was started, and nobody can look at first. */
static void a_start_in_doubt_is_looked_for_later(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig.world->next_start = START_DOUBT_LIVES;
    rig.world->find_fails = true;
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_DISPATCHED);
    rig.world->find_fails = false;
    rig_wait(&rig, 1300);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_RUNNING);
    assert_int_equal(rig.world->starts, 1);
    rig_drop(&rig);
}

static void a_doubt_that_was_none_is_tried_again(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig.world->next_start = START_DOUBT_ABSENT;
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_PENDING);
    assert_int_equal(rig_task(&rig, "a")->n_attempts, 0);
    rig.world->next_start = START_GOOD;
    rig_wait(&rig, 1800);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_RUNNING);
    rig_drop(&rig);
}

/* Killed while its start is in doubt: it is stopped once it is found. */
static void a_kill_reaches_a_start_in_doubt(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig.world->next_start = START_DOUBT_LIVES;
    rig.world->find_fails = true;
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    assert_int_equal(gs_run_kill(rig.run, "a", NULL), GS_KILL_STOPPING);
    rig_round(&rig);
    assert_int_equal(rig.world->cancels, 0);
    rig.world->find_fails = false;
    rig_wait(&rig, 1300);
    assert_int_equal(rig.world->cancels, 1);
    fake_report(rig.world, rig.run);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_CANCELLED);
    rig_drop(&rig);
}

static void a_kill_of_a_start_that_never_was(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig.world->next_start = START_DOUBT_ABSENT;
    rig.world->find_fails = true;
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    gs_run_kill(rig.run, "a", NULL);
    rig.world->find_fails = false;
    rig_wait(&rig, 1300);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_CANCELLED);
    assert_int_equal(rig.world->starts, 0);
    rig_drop(&rig);
}

static void a_cancel_that_failed_is_tried_again(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    rig.world->cancel_fails = true;
    assert_int_equal(gs_run_kill(rig.run, "a", NULL), GS_KILL_STOPPING);
    rig_round(&rig);
    assert_int_equal(rig.world->cancels, 1);
    /* Also at once, when the engine asks again. */
    assert_int_equal(gs_run_kill(rig.run, "a", NULL), GS_KILL_STOPPING);
    assert_int_equal(rig.world->cancels, 2);
    rig.world->cancel_fails = false;
    rig_wait(&rig, 1300);
    fake_report(rig.world, rig.run);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_CANCELLED);
    assert_int_equal(gs_run_kill(rig.run, "a", NULL), GS_KILL_FINISHED);
    rig_drop(&rig);
}

static void no_room_holds_back_and_fails_nothing(void **state)
{
    (void)state;
    static const enum fake_start modes[] = {START_BUSY, START_FULL};
    for (int i = 0; i < 2; i++) {
        struct rig rig = rig_make(2);
        rig.world->next_start = modes[i];
        rig_submit(&rig, "a", "");
        int64_t before = gs_run_sequence(rig.run);
        for (int k = 0; k < 20; k++) {
            rig.run->dirty = true;
            rig_round(&rig);
        }
        assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_PENDING);
        /* One try, not one in every round. */
        assert_int_equal(gs_run_sequence(rig.run), before + 2);
        rig.world->next_start = START_GOOD;
        rig.run->hold_until.ms = 0;
        rig.run->dirty = true;
        rig_round(&rig);
        assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_RUNNING);
        rig_drop(&rig);
    }
}

static void what_cannot_be_started_fails(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig.world->next_start = START_REFUSED;
    rig_submit(&rig, "a", "");
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_FAILED);
    assert_int_equal(rig_task(&rig, "a")->reason, GS_REASON_INFRASTRUCTURE);
    assert_non_null(strstr(rig_task(&rig, "a")->message, "cannot be"));
    rig_drop(&rig);
}

/* Another that fits takes the place of one that could not be started. */
static void a_failed_start_wakes_the_next(void **state)
{
    (void)state;
    struct rig rig = rig_make(1);
    rig.world->next_start = START_REFUSED;
    rig_submit(&rig, "a", "");
    rig_submit(&rig, "b", "");
    rig_round(&rig);
    rig.world->next_start = START_GOOD;
    rig_wait(&rig, 100); /* long before anybody looks for room again */
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_FAILED);
    assert_int_equal(rig_task(&rig, "b")->state, GS_TASK_RUNNING);
    rig_drop(&rig);
}

static void budgets_end_repeats(void **state)
{
    (void)state;
    static const enum gs_reason reasons[] = {GS_REASON_OOM, GS_REASON_NONE,
                                             GS_REASON_PREEMPTED};
    for (int i = 0; i < 3; i++) {
        struct rig rig = rig_make(2);
        rig_submit(&rig, "a", ",\"restore\":\"none\"");
        int n = 0;
        while (!gs_task_state_is_final(rig_task(&rig, "a")->state) && n < 20) {
            rig_round(&rig);
            rig_end(&rig, "a", reasons[i], -1);
            if (++n % 2)
                rig_reopen(&rig);
        }
        assert_int_equal(n, 4); /* three repeats */
        assert_int_equal(rig_task(&rig, "a")->n_attempts, 4);
        rig_drop(&rig);
    }
}

static void memory_grows_with_each_repeat(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig_submit(&rig, "a",
               ",\"restore\":\"none\",\"memory_bytes\":104857600,"
               "\"memory_max_bytes\":300000000");
    static const int64_t limits[] = {104857600, 209715200, 300000000};
    for (int i = 0; i < 3; i++) {
        rig_round(&rig);
        assert_int_equal(gs_task_attempt(rig_task(&rig, "a"))->limit_bytes,
                         limits[i]);
        rig_end(&rig, "a", GS_REASON_OOM, 1);
    }
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_FAILED);
    rig_drop(&rig);
}

/* The engine repeats: what was learned goes along, also through an alias and
 * a restart. */
static void a_retry_carries_the_budget(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig_submit(&rig, "a",
               ",\"retry\":\"engine\",\"memory_bytes\":104857600,"
               "\"fingerprint\":\"f\"");
    rig_round(&rig);
    rig.session = "two";
    rig_reopen(&rig);
    rig_submit(&rig, "b", ",\"retry\":\"engine\",\"fingerprint\":\"f\"");
    rig_round(&rig);
    assert_ptr_equal(rig_task(&rig, "b")->target, rig_task(&rig, "a"));
    rig_end(&rig, "a", GS_REASON_OOM, 1);
    rig_round(&rig);
    gs_auto_json cJSON *status = gs_status_task(rig_task(&rig, "b"));
    const cJSON *retry = gs_json_get(status, "retry");
    assert_int_equal(gs_json_get(retry, "memory_bytes")->valuedouble,
                     209715200);
    rig_submit(&rig, "c",
               ",\"retry\":\"engine\",\"retry_of\":\"b\","
               "\"memory_bytes\":104857600");
    assert_int_equal(rig_task(&rig, "c")->n_oom, 1);
    rig_round(&rig);
    rig_reopen(&rig);
    assert_int_equal(rig_task(&rig, "c")->n_oom, 1);
    assert_int_equal(gs_task_attempt(rig_task(&rig, "c"))->limit_bytes,
                     209715200);
    rig_drop(&rig);
}

static void a_kill_of_an_alias_stops_the_task(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    rig_submit(&rig, "a", ",\"fingerprint\":\"f\"");
    rig_round(&rig);
    rig.session = "two";
    rig_reopen(&rig);
    rig_submit(&rig, "b", ",\"fingerprint\":\"f\"");
    rig.session = "three";
    rig_round(&rig);
    rig_reopen(&rig);
    rig_submit(&rig, "c", ",\"fingerprint\":\"f\"");
    rig_round(&rig);
    const struct gs_table *table = gs_run_table(rig.run);
    assert_int_equal(gs_table_count(table, GS_TASK_RUNNING), 3);
    assert_int_equal(gs_table_live(table), 1);
    int64_t seen = gs_run_sequence(rig.run);
    assert_int_equal(gs_run_kill(rig.run, "b", NULL), GS_KILL_STOPPING);
    fake_report(rig.world, rig.run);
    rig_round(&rig);
    assert_int_equal(gs_table_count(table, GS_TASK_CANCELLED), 3);
    gs_auto_json cJSON *poll = gs_status_poll(rig.run, seen, NULL);
    assert_int_equal(cJSON_GetArraySize(gs_json_get(poll, "tasks")), 3);
    assert_int_equal(gs_json_get(poll, "sequence")->valuedouble,
                     gs_run_sequence(rig.run));
    assert_int_equal(gs_run_kill(rig.run, "c", NULL), GS_KILL_FINISHED);
    /* What was cancelled is not adopted again. */
    rig.session = "four";
    rig_reopen(&rig);
    rig_submit(&rig, "d", ",\"fingerprint\":\"f\"");
    assert_null(rig_task(&rig, "d")->target);
    rig_drop(&rig);
}

static void secrets_are_kept_as_long_as_they_are_needed(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    char *spec, *secret;
    rig_submit(&rig, "a", ",\"fingerprint\":\"f\",\"env\":{\"A\":\"x\"}");
    rig_round(&rig);
    rig.session = "two";
    rig_reopen(&rig);
    rig_submit(&rig, "b", ",\"fingerprint\":\"f\",\"env\":{\"A\":\"x\"}");
    rig_round(&rig);
    assert_non_null(rig_task(&rig, "b")->target);
    for (int ended = 0; ended < 2; ended++) {
        assert_int_equal(
            gs_store_get_spec(rig.run->store, "a", &spec, &secret, NULL), 0);
        assert_int_equal(secret == NULL, ended);
        assert_null(strstr(spec, "env"));
        free(spec);
        free(secret);
        /* One that is adopted is never started: it needs none. */
        assert_int_equal(
            gs_store_get_spec(rig.run->store, "b", &spec, &secret, NULL), 0);
        assert_null(secret);
        free(spec);
        rig_end(&rig, "a", GS_REASON_EXIT, 0);
        rig_round(&rig);
    }
    rig_drop(&rig);
}

/* What an attempt has left is removed before it is repeated, but not in a
 * folder where another task has run. */
static void a_repeat_finds_its_folder_as_it_was(void **state)
{
    (void)state;
    for (int shared = 0; shared < 2; shared++) {
        struct rig rig = rig_make(2);
        gs_auto_free char *out = gs_format("%s/work/out", rig.dir);
        gs_auto_free char *work = gs_format("%s/work", rig.dir);
        gs_auto_free char *manifests = gs_format("%s/manifests", rig.dir);
        gs_auto_free char *below = gs_format("%s/sub", work);
        assert_int_equal(gs_dir_make(below, NULL), 0);
        assert_int_equal(gs_dir_make(manifests, NULL), 0);
        const char *dirs[] = {work, shared ? below : rig.dir};
        for (int i = 0; i < 2; i++) {
            char id[129], why[1200];
            gs_auto_free char *text = gs_format(
                "{\"id\":\"%c\",\"process\":\"P\",\"command\":[\"true\"],"
                "\"workdir\":\"%s\"}",
                'a' + i, dirs[i]);
            gs_auto_json cJSON *json = gs_json_parse(text, strlen(text), NULL);
            assert_int_equal(
                gs_run_submit(rig.run, json, id, why, sizeof why, NULL), 1);
        }
        rig_round(&rig);
        free(scratch_file(work, "out", "half"));
        rig_end(&rig, "a", GS_REASON_OOM, 1);
        rig_round(&rig);
        assert_int_equal(gs_path_exists(out), shared);
        assert_int_equal(rig_task(&rig, "a")->state,
                         shared ? GS_TASK_FAILED : GS_TASK_RUNNING);
        rig_drop(&rig);
    }
}

static void a_drain_leaves_repeats_for_later(void **state)
{
    (void)state;
    struct rig rig = rig_make(1);
    rig_submit(&rig, "a", ",\"restore\":\"none\"");
    rig_submit(&rig, "b", "");
    rig_round(&rig);
    gs_run_drain(rig.run);
    rig_end(&rig, "a", GS_REASON_OOM, 1);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_PENDING);
    assert_int_equal(rig.world->starts, 1);
    rig_reopen(&rig);
    rig_round(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_RUNNING);
    rig_drop(&rig);
}

static void a_smaller_pool_fails_what_cannot_fit(void **state)
{
    (void)state;
    struct rig rig = rig_make(4);
    rig_submit(&rig, "running", ",\"cpus\":4");
    rig_round(&rig);
    rig_submit(&rig, "large", ",\"cpus\":4");
    rig_submit(&rig, "small", ",\"cpus\":1");
    rig_round(&rig);
    rig.world->cpus = 2;
    rig_reopen(&rig);
    assert_int_equal(rig_task(&rig, "running")->state, GS_TASK_RUNNING);
    assert_int_equal(rig_task(&rig, "large")->state, GS_TASK_FAILED);
    assert_non_null(strstr(rig_task(&rig, "large")->message, "local.cpus"));
    assert_int_not_equal(rig_task(&rig, "small")->state, GS_TASK_FAILED);
    rig_drop(&rig);
}

/* More than one decision looks at: all that fit are started, in turn. */
static void many_pending_tasks(void **state)
{
    (void)state;
    struct rig rig = rig_make(700);
    for (int i = 0; i < 1500; i++) {
        gs_auto_free char *id = gs_format("t%d", i);
        rig_submit(&rig, id, i == 1400 ? ",\"priority\":5" : "");
    }
    rig_round(&rig);
    assert_int_equal(rig.world->starts, 700);
    assert_int_equal(rig_task(&rig, "t1400")->state, GS_TASK_RUNNING);
    assert_int_equal(rig_task(&rig, "t698")->state, GS_TASK_RUNNING);
    assert_int_equal(rig_task(&rig, "t699")->state, GS_TASK_PENDING);
    assert_int_equal(gs_run_kill_all(rig.run, NULL), 0);
    fake_report(rig.world, rig.run);
    rig_round(&rig);
    assert_int_equal(gs_table_live(gs_run_table(rig.run)), 0);
    rig_drop(&rig);
}

/* A long reply is cut where the next poll goes on; nothing is left out. */
static void polls_are_cut_and_complete(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct rig rig = rig_make(1);
    gs_auto_json cJSON *ids = cJSON_CreateArray();
    for (int i = 0; i < N; i++) {
        gs_auto_free char *id = gs_format("t%05d%-100d", i, i);
        rig_submit(&rig, id, "");
        cJSON_InsertItemInArray(ids, 0, cJSON_CreateString(id));
    }
    cJSON_AddItemToArray(ids, cJSON_CreateString("nobody"));
    cJSON_AddItemToArray(ids, cJSON_Duplicate(ids->child, true));
    rig_round(&rig);
    for (int named = 0; named < 2; named++) {
        int64_t after = 0;
        int told = 0, polls = 0;
        while (told < N && polls++ < 50) {
            gs_auto_json cJSON *poll =
                gs_status_poll(rig.run, after, named ? ids : NULL);
            assert_non_null(poll);
            gs_auto_free char *text = gs_json_print(poll);
            assert_true(strlen(text) < 16 << 20);
            told += cJSON_GetArraySize(gs_json_get(poll, "tasks"));
            after = (int64_t)gs_json_get(poll, "sequence")->valuedouble;
        }
        assert_int_equal(told, N);
        assert_true(polls > 1);
        assert_int_equal(after, gs_run_sequence(rig.run));
        assert_null(gs_status_poll(rig.run, after, named ? ids : NULL));
    }
    rig_drop(&rig);
}

/* A text that is cut inside a character must not make the log unreadable. */
static void cut_characters_do_not_harm_the_log(void **state)
{
    (void)state;
    struct rig rig = rig_make(2);
    char dir[1200] = "/";
    for (int i = 0; i < 500; i++)
        snprintf(dir + 1 + 2 * i, 3, "\xc3\xa4");
    gs_auto_free char *odd =
        gs_format("{\"id\":\"a\",\"process\":\"P\",\"command\":[\"true\"],"
                  "\"workdir\":\"%s\"}",
                  dir);
    char id[129], why[1200];
    gs_auto_json cJSON *json = gs_json_parse(odd, strlen(odd), NULL);
    assert_int_equal(gs_run_submit(rig.run, json, id, why, sizeof why, NULL),
                     1);
    rig_round(&rig);
    rig_end(&rig, "a", GS_REASON_EXIT, 1);
    rig_round(&rig);
    rig_reopen(&rig);
    assert_int_equal(rig_task(&rig, "a")->state, GS_TASK_FAILED);
    rig_drop(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_task_runs_and_ends),
        cmocka_unit_test(a_start_in_doubt_is_looked_for_later),
        cmocka_unit_test(a_doubt_that_was_none_is_tried_again),
        cmocka_unit_test(a_kill_reaches_a_start_in_doubt),
        cmocka_unit_test(a_kill_of_a_start_that_never_was),
        cmocka_unit_test(a_cancel_that_failed_is_tried_again),
        cmocka_unit_test(no_room_holds_back_and_fails_nothing),
        cmocka_unit_test(what_cannot_be_started_fails),
        cmocka_unit_test(a_failed_start_wakes_the_next),
        cmocka_unit_test(budgets_end_repeats),
        cmocka_unit_test(memory_grows_with_each_repeat),
        cmocka_unit_test(a_retry_carries_the_budget),
        cmocka_unit_test(a_kill_of_an_alias_stops_the_task),
        cmocka_unit_test(secrets_are_kept_as_long_as_they_are_needed),
        cmocka_unit_test(a_repeat_finds_its_folder_as_it_was),
        cmocka_unit_test(a_drain_leaves_repeats_for_later),
        cmocka_unit_test(a_smaller_pool_fails_what_cannot_fit),
        cmocka_unit_test(many_pending_tasks),
        cmocka_unit_test(polls_are_cut_and_complete),
        cmocka_unit_test(cut_characters_do_not_harm_the_log),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
