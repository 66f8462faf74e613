/*
 * table: a khash by id, one list by time of change, and two dense sets
 * (pending, active) that tasks enter and leave as they change state.
 */
#include "run/table.h"

#include <htslib/khash.h>
#include <stdlib.h>

#include "base/mem.h"

KHASH_MAP_INIT_STR(task, struct gs_task *)

struct set {
    struct gs_task **items;
    size_t n, room;
};

struct alias {
    struct gs_task *task, *target;
};

struct gs_table {
    khash_t(task) * by_id;
    struct gs_task *oldest, *newest;
    struct set pending, active;
    size_t counts[GS_TASK_N_STATES];
    struct alias *aliases;
    size_t n_aliases;
};

struct gs_table *gs_table_create(void)
{
    struct gs_table *t = gs_calloc(1, sizeof *t);
    t->by_id = kh_init(task);
    return t;
}

void gs_table_destroy(struct gs_table *t)
{
    if (!t)
        return;
    for (struct gs_task *k = t->oldest, *next; k; k = next) {
        next = k->seq_next;
        gs_task_destroy(k);
    }
    kh_destroy(task, t->by_id);
    free(t->pending.items);
    free(t->active.items);
    free(t->aliases);
    free(t);
}

static struct set *set_of(struct gs_table *t, enum gs_task_state state)
{
    return state == GS_TASK_PENDING        ? &t->pending
           : gs_task_state_is_final(state) ? NULL
                                           : &t->active;
}

static void set_add(struct set *s, struct gs_task *task)
{
    if (s->n == s->room) {
        s->room = s->room ? s->room * 2 : 64;
        s->items = gs_realloc(s->items, s->room * sizeof(struct gs_task *));
    }
    task->set_index = s->n;
    s->items[s->n++] = task;
}

static void set_remove(struct set *s, const struct gs_task *task)
{
    struct gs_task *last = s->items[--s->n];
    s->items[task->set_index] = last;
    last->set_index = task->set_index;
}

static void link_newest(struct gs_table *t, struct gs_task *task)
{
    task->seq_prev = t->newest;
    task->seq_next = NULL;
    if (t->newest)
        t->newest->seq_next = task;
    else
        t->oldest = task;
    t->newest = task;
}

static void unlink_task(struct gs_table *t, struct gs_task *task)
{
    if (task->seq_prev)
        task->seq_prev->seq_next = task->seq_next;
    else
        t->oldest = task->seq_next;
    if (task->seq_next)
        task->seq_next->seq_prev = task->seq_prev;
    else
        t->newest = task->seq_prev;
}

void gs_table_add(struct gs_table *t, struct gs_task *task)
{
    int absent;
    khint_t k = kh_put(task, t->by_id, task->id, &absent);
    kh_value(t->by_id, k) = task;
    task->order = (int64_t)kh_size(t->by_id);
    t->counts[task->state]++;
    struct set *s = set_of(t, task->state);
    if (s)
        set_add(s, task);
    link_newest(t, task);
}

struct gs_task *gs_table_find(const struct gs_table *t, const char *id)
{
    khint_t k = kh_get(task, t->by_id, id);
    return k == kh_end(t->by_id) ? NULL : kh_value(t->by_id, k);
}

size_t gs_table_size(const struct gs_table *t)
{
    return kh_size(t->by_id);
}

size_t gs_table_count(const struct gs_table *t, enum gs_task_state state)
{
    size_t n = t->counts[state];
    for (size_t i = 0; i < t->n_aliases; i++)
        n += t->aliases[i].target->state == state;
    return n;
}

size_t gs_table_live(const struct gs_table *t)
{
    return t->pending.n + t->active.n;
}

void gs_table_touch(struct gs_table *t, struct gs_task *task,
                    enum gs_task_state before)
{
    if (!task->target && before != task->state) {
        struct set *from = set_of(t, before), *to = set_of(t, task->state);
        t->counts[before]--;
        t->counts[task->state]++;
        if (from != to) {
            if (from)
                set_remove(from, task);
            if (to)
                set_add(to, task);
        }
    }
    unlink_task(t, task);
    link_newest(t, task);
    for (size_t i = 0; i < t->n_aliases; i++) {
        struct alias *a = &t->aliases[i];
        if (a->target != task)
            continue;
        a->task->seq = task->seq;
        unlink_task(t, a->task);
        link_newest(t, a->task);
    }
}

void gs_table_adopt(struct gs_table *t, struct gs_task *task,
                    struct gs_task *target)
{
    while (target->target) /* one step to the one that really ran */
        target = target->target;
    task->target = target;
    t->counts[task->state]--;
    struct set *s = set_of(t, task->state);
    if (s)
        set_remove(s, task);
    t->aliases =
        gs_realloc(t->aliases, (t->n_aliases + 1) * sizeof *t->aliases);
    t->aliases[t->n_aliases++] = (struct alias){task, target};
}

struct gs_task *gs_table_newest(const struct gs_table *t)
{
    return t->newest;
}

struct gs_task *gs_table_oldest(const struct gs_table *t)
{
    return t->oldest;
}

struct gs_task *gs_table_changed_after(const struct gs_table *t, int64_t seq)
{
    struct gs_task *found = NULL;
    for (struct gs_task *k = t->newest; k && k->seq > seq; k = k->seq_prev)
        found = k;
    return found;
}

struct gs_task *const *gs_table_pending(const struct gs_table *t, size_t *n)
{
    *n = t->pending.n;
    return t->pending.items;
}

struct gs_task *const *gs_table_active(const struct gs_table *t, size_t *n)
{
    *n = t->active.n;
    return t->active.items;
}
