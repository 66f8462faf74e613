/*
 * outcome: the retry rules. Growth after an OOM starts from the larger of
 * what was allowed and what was seen, and goes to the request at least where
 * the limit was below it; it ends at memory_max_bytes and the largest
 * machine. Never decides on an exit code alone.
 */
#include "run/outcome.h"

#include <stdio.h>

#include "base/config.h"

int64_t gs_grown_memory(const struct gs_task *task,
                        const struct gs_retry_policy *policy)
{
    const struct gs_attempt *a = gs_task_attempt(task);
    int64_t cap = policy->max_bytes;
    if (task->memory_max_bytes >= 0 && task->memory_max_bytes < cap)
        cap = task->memory_max_bytes;
    int64_t seen = a->limit_bytes;
    if (a->outcome.peak_bytes > seen)
        seen = a->outcome.peak_bytes;
    int64_t next = (int64_t)((double)seen * policy->oom_growth);
    if (task->request.memory_bytes > next)
        next = task->request.memory_bytes;
    if (next > cap)
        next = cap;
    /* Less than a twentieth more is not worth another attempt. */
    return (double)next >= 1.05 * (double)a->limit_bytes ? next : -1;
}

static void say(struct gs_verdict *v, const char *text)
{
    snprintf(v->text, sizeof v->text, "%s", text);
    v->message = v->text;
}

static void memory_verdict(const struct gs_task *task,
                           const struct gs_retry_policy *policy,
                           bool restorable, struct gs_verdict *v)
{
    const struct gs_attempt *a = gs_task_attempt(task);
    char limit[32], next_text[32];
    gs_print_size(a->limit_bytes, limit, sizeof limit);
    int64_t next =
        task->n_oom < policy->max_oom ? gs_grown_memory(task, policy) : -1;
    v->state = GS_TASK_FAILED;
    if (next > 0) {
        v->floor_bytes = next;
        gs_print_size(next, next_text, sizeof next_text);
        if (task->retry_by == GS_RETRY_BY_ENGINE) {
            v->retry_offered = true;
            v->retry_reason = GS_REASON_OOM;
            v->retry_bytes = next;
        } else if (restorable) {
            v->again = true;
        }
        snprintf(v->text, sizeof v->text,
                 "ran out of memory at its limit of %s (attempt %d)%s%s", limit,
                 a->n,
                 v->again || v->retry_offered ? "; repeated with "
                                              : "; not repeated, because its "
                                                "work directory could not be "
                                                "put back: ask for ",
                 next_text);
    } else {
        snprintf(v->text, sizeof v->text,
                 "ran out of memory at its limit of %s, and %s; give the "
                 "process more memory, or raise its cap, the pool "
                 "(local.memory) or retry.max_oom",
                 limit,
                 task->n_oom >= policy->max_oom
                     ? "the repeats allowed by retry.max_oom are used up"
                     : "there is no more to give: its cap or the largest "
                       "machine is reached");
    }
    v->message = v->text;
}

static void lost_verdict(const struct gs_task *task,
                         const struct gs_retry_policy *policy, bool restorable,
                         bool unknown, struct gs_verdict *v)
{
    const struct gs_attempt *a = gs_task_attempt(task);
    bool more = task->n_lost < policy->max_lost;
    bool untouched = a->outcome.not_begun; /* whoever repeats otherwise */
    v->state = unknown ? GS_TASK_LOST : GS_TASK_FAILED;
    if (v->reason == GS_REASON_NONE)
        v->reason = GS_REASON_INFRASTRUCTURE;
    if (more && task->retry_by == GS_RETRY_BY_ENGINE && !untouched) {
        v->retry_offered = true;
        v->retry_reason = v->reason;
    } else if (more && (restorable || untouched)) {
        v->again = true;
    }
    say(v, a->outcome.message[0]
               ? a->outcome.message
               : "nobody can know whether the command ran to its end: its "
                 "supervisor is gone and left no record (killed, or the "
                 "machine went down)");
}

static void plain_message(const struct gs_task *task, struct gs_verdict *v)
{
    const struct gs_outcome *r = &gs_task_attempt(task)->outcome;
    if (r->message[0])
        say(v, r->message);
    else if (r->reason == GS_REASON_SIGNAL)
        snprintf(v->text, sizeof v->text, "the command was ended by signal %d",
                 r->signal);
    else if (r->reason == GS_REASON_EXIT && r->exit_code > 0)
        snprintf(v->text, sizeof v->text,
                 "the command ended with exit code %d; its output is in its "
                 "work directory %.500s",
                 r->exit_code, task->workdir);
    v->message = v->text[0] ? v->text : NULL;
}

void gs_verdict(const struct gs_task *task,
                const struct gs_retry_policy *policy, bool restorable,
                struct gs_verdict *out)
{
    const struct gs_attempt *a = gs_task_attempt(task);
    const struct gs_outcome *r = &a->outcome;
    bool unknown = a->state == GS_TASK_LOST;
    *out = (struct gs_verdict){.state = GS_TASK_FAILED,
                               .reason = r->reason,
                               .exit_code = r->exit_code,
                               .signal = r->signal,
                               .retry_bytes = -1,
                               .floor_bytes = task->floor_bytes};
    if (task->kill_asked && (unknown || r->reason != GS_REASON_EXIT)) {
        out->state = GS_TASK_CANCELLED;
        out->reason = GS_REASON_CANCELLED;
        say(out, "cancelled on request");
    } else if (unknown || r->not_begun || r->reason == GS_REASON_PREEMPTED) {
        lost_verdict(task, policy, restorable, unknown, out);
    } else if (r->reason == GS_REASON_OOM) {
        memory_verdict(task, policy, restorable, out);
    } else if (r->reason == GS_REASON_CANCELLED) {
        out->state = GS_TASK_CANCELLED;
        plain_message(task, out);
    } else {
        if (r->reason == GS_REASON_EXIT && r->exit_code == 0)
            out->state = GS_TASK_SUCCEEDED;
        plain_message(task, out);
    }
}
