/*
 * config_table: every key of genosched.yaml, once. Nothing else in the
 * program names a default, a bound or a help text of a key.
 */
#include "base/config.h"

#define KIB 1024.0
#define MIB (1024.0 * KIB)
#define GIB (1024.0 * MIB)
#define PIB (1024.0 * 1024.0 * GIB)

static const char *const backends[] = {"local", NULL};
static const char *const engine_exits[] = {"cancel", "detach", NULL};
static const char *const limit_kinds[] = {"task", "pooled", NULL};
static const char *const enforcements[] = {"auto", "cgroup", "pss", "none",
                                           NULL};
static const char *const log_levels[] = {"error", "warning", "info", "debug",
                                         NULL};

static const struct gs_option options[] = {
    {"backend", GS_OPTION_CHOICE, "local", 0, 0, backends,
     "Where tasks run. 'local' is this machine."},
    {"state_dir", GS_OPTION_PATH, NULL, 0, 0, NULL,
     "Folder of the runs' state and of the history, on a local disk. Default: "
     "$GENOSCHED_STATE, else $XDG_STATE_HOME/genosched, else "
     "~/.local/state/genosched."},
    {"adopt", GS_OPTION_BOOL, "true", 0, 0, NULL,
     "Answer a task that the same run has running or finished already with "
     "that one, so that an engine which died repeats nothing."},
    {"on_engine_exit", GS_OPTION_CHOICE, "cancel", 0, 0, engine_exits,
     "When the engine goes away without saying so: 'cancel' stops its tasks, "
     "'detach' lets them run on to be found again by the same run id."},
    {"limits", GS_OPTION_CHOICE, "task", 0, 0, limit_kinds,
     "'task' gives each task its own memory limit; 'pooled' lets the tasks of "
     "a run share the limit of the run."},
    {"local.memory", GS_OPTION_SIZE, NULL, 64 * MIB, PIB, NULL,
     "Memory that tasks on this machine may use together. Default: what is "
     "available when the run starts, or the cgroup's limit if that is less."},
    {"local.cpus", GS_OPTION_NUMBER, NULL, 0.01, 65536, NULL,
     "CPUs that tasks on this machine may use together. Default: those this "
     "process may run on."},
    {"local.gpus", GS_OPTION_INT, NULL, 0, 1024, NULL,
     "GPUs that tasks on this machine may use together. Default: those found "
     "on the machine."},
    {"local.disk", GS_OPTION_SIZE, NULL, 0, 1024 * PIB, NULL,
     "Disk that tasks on this machine may ask for together. Default: disk is "
     "not counted."},
    {"local.enforce", GS_OPTION_CHOICE, "auto", 0, 0, enforcements,
     "How memory limits are enforced: 'cgroup' by the kernel, 'pss' by "
     "watching the process tree, 'none' not at all, 'auto' the best that "
     "works here."},
    {"local.cgroup", GS_OPTION_PATH, NULL, 0, 0, NULL,
     "Folder of a writable cgroup below which tasks get theirs. Default: one "
     "is looked for."},
    {"predict.enabled", GS_OPTION_BOOL, "true", 0, 0, NULL,
     "Predict the memory of tasks from what was measured before. Off: every "
     "task is limited to what the pipeline asked for."},
    {"predict.java_heap", GS_OPTION_NUMBER, "0.8", 0, 0.95, NULL,
     "Part of a task's memory that a Java program may use as heap (set "
     "through _JAVA_OPTIONS). 0 leaves Java alone."},
    {"predict.default_memory", GS_OPTION_SIZE, "2 GiB", 4 * MIB, PIB, NULL,
     "Memory of a task that says nothing and of which nothing is known."},
    {"retry.max_oom", GS_OPTION_INT, "3", 0, 100, NULL,
     "How often a task that ran out of memory is repeated with more."},
    {"retry.max_lost", GS_OPTION_INT, "3", 0, 100, NULL,
     "How often a task is repeated whose machine was lost or taken away."},
    {"retry.oom_growth", GS_OPTION_NUMBER, "2.0", 1.05, 16, NULL,
     "By how much the memory grows with each repeat after running out."},
    {"settle_ms", GS_OPTION_DURATION, "50 ms", 0, 60000, NULL,
     "How long to wait for further tasks before placing those that are there. "
     "A number without a unit is milliseconds."},
    {"sample_ms", GS_OPTION_DURATION, "1000 ms", 10, 3600000, NULL,
     "How often the memory of a running task is sampled. A number without a "
     "unit is milliseconds."},
    {"log.level", GS_OPTION_CHOICE, "info", 0, 0, log_levels,
     "What is written to the log: errors only, warnings too, what a reader of "
     "the run wants to know, or everything."},
    {"log.file", GS_OPTION_PATH, NULL, 0, 0, NULL,
     "Log file. Default: genosched.log in the folder of the run."},
};

const struct gs_option *gs_config_options(size_t *n)
{
    *n = sizeof options / sizeof *options;
    return options;
}
