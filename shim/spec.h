/*
 * spec: what genosched and a shim tell each other. Both sides include this.
 *
 * The spec is a sequence of NUL-ended texts `key=value` in a memfd that the
 * shim inherits: never on disk and never in an argument list, because it
 * carries the values of the task's environment. The first text is
 * GS_SPEC_MAGIC, the last one is `end=1`, without which the spec is refused.
 *
 *   name        what people call the attempt: task/attempt
 *   dir         the attempt's private folder (absolute)
 *   workdir     current directory of the command (absolute)
 *   stdout, stderr   absolute or relative to workdir; opened for writing,
 *               emptied; the same path twice is one open file
 *   enforce     cgroup, pss or none
 *   cgroup      1 or 2: version of the memory controller (enforce=cgroup)
 *   memory      the attempt's own folder in the memory hierarchy
 *   cpuacct     the same for cpuacct (version 1 only, may be absent)
 *   limit       bytes; for enforce=pss what is enforced, else for messages;
 *               0: none of its own
 *   oom_score   oom_score_adj of the command, 0 to 1000
 *   time_ms     0: none       grace_ms   between SIGTERM and SIGKILL
 *   sample_ms   longest time between two looks at the memory
 *   arg         one per argument, in order
 *   env         one per variable, NAME=VALUE: the whole environment
 *
 * Files in the attempt's folder:
 *   lock        held with flock by genosched before the spawn and inherited:
 *               held means that the shim lives. Lines `key=value`: genosched
 *               writes the plan, the shim adds `pid` and `start` (field 22 of
 *               /proc/PID/stat) and `ready=1`.
 *   begun       exists, durably, before the command is released to run
 *   cancel      one word, the reason: `cancelled` or `oom`; written before
 *               the shim gets SIGTERM
 *   record.json the durable result (docs: shim/README.md)
 *   record.tmp  room for the record, reserved before the command runs
 */
#ifndef GS_SHIM_SPEC_H
#define GS_SHIM_SPEC_H

#define GS_SPEC_MAGIC "genosched-spec=1"

/* The descriptors that a shim is born with. */
enum {
    GS_SPEC_FD = 3,
    GS_LOCK_FD = 4,
    GS_LEDGER_FD = 5,
};

#define GS_FILE_LOCK "lock"
#define GS_FILE_BEGUN "begun"
#define GS_FILE_CANCEL "cancel"
#define GS_FILE_RECORD "record.json"
#define GS_FILE_RECORD_TMP "record.tmp"

enum {
    GS_RECORD_MAX_BYTES = 16384,
    GS_SAMPLES_MAX = 240,
    GS_GRACE_MS = 5000,
};

#endif
