/*
 * table: a khash by id and one by fingerprint, one list by time of change, a
 * dense set of what is active, and the pending tasks in the order of their
 * turn: a sorted array, cut into chunks so that little moves when a task
 * comes or goes. No chunk is empty.
 */
#include "run/table.h"

#include <htslib/khash.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

KHASH_MAP_INIT_STR(task, struct gs_task *)

struct set {
    struct gs_task **items;
    size_t n, room;
};

enum {
    CHUNK = 512,
};

struct chunk {
    size_t n;
    struct gs_task *tasks[CHUNK];
};

struct queue {
    struct chunk **chunks;
    size_t n_chunks, room;
    size_t n; /* tasks in all */
};

struct gs_table {
    khash_t(task) * by_id;
    khash_t(task) * by_work;
    struct gs_task *oldest, *newest;
    struct queue pending;
    struct set active;
    size_t counts[GS_TASK_N_STATES];
};

struct gs_table *gs_table_create(void)
{
    struct gs_table *t = gs_calloc(1, sizeof *t);
    t->by_id = kh_init(task);
    t->by_work = kh_init(task);
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
    kh_destroy(task, t->by_work);
    for (size_t i = 0; i < t->pending.n_chunks; i++)
        free(t->pending.chunks[i]);
    free(t->pending.chunks);
    free(t->active.items);
    free(t);
}

/* Pending tasks by turn */

static bool before(const struct gs_task *x, const struct gs_task *y)
{
    return x->priority != y->priority ? x->priority > y->priority
                                      : x->order < y->order;
}

/* The last chunk that begins with the task or before it, or the first. */
static size_t chunk_of(const struct queue *q, const struct gs_task *task)
{
    size_t low = 0, high = q->n_chunks;
    while (high - low > 1) {
        size_t mid = low + (high - low) / 2;
        if (before(task, q->chunks[mid]->tasks[0]))
            high = mid;
        else
            low = mid;
    }
    return low;
}

/* The first place in the chunk that does not come before the task. */
static size_t place_in(const struct chunk *c, const struct gs_task *task)
{
    size_t low = 0, high = c->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (before(c->tasks[mid], task))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static struct chunk *new_chunk(struct queue *q, size_t at)
{
    if (q->n_chunks == q->room) {
        q->room = q->room ? q->room * 2 : 16;
        q->chunks = gs_realloc(q->chunks, q->room * sizeof *q->chunks);
    }
    memmove(q->chunks + at + 1, q->chunks + at,
            (q->n_chunks - at) * sizeof *q->chunks);
    q->n_chunks++;
    q->chunks[at] = gs_calloc(1, sizeof **q->chunks);
    return q->chunks[at];
}

/* Moves what begins at `from` into a chunk of its own behind this one. */
static void split(struct queue *q, size_t at, size_t from)
{
    struct chunk *next = new_chunk(q, at + 1), *c = q->chunks[at];
    next->n = c->n - from;
    memcpy(next->tasks, c->tasks + from, next->n * sizeof *c->tasks);
    c->n = from;
}

static void queue_add(struct queue *q, struct gs_task *task)
{
    if (q->n_chunks == 0)
        new_chunk(q, 0);
    size_t at = chunk_of(q, task);
    size_t place = place_in(q->chunks[at], task);
    if (q->chunks[at]->n == CHUNK && place == CHUNK) {
        new_chunk(q, ++at); /* mostly tasks come in order of arrival */
        place = 0;
    } else if (q->chunks[at]->n == CHUNK) {
        split(q, at, CHUNK / 2);
        if (place > CHUNK / 2) {
            at++;
            place -= CHUNK / 2;
        }
    }
    struct chunk *c = q->chunks[at];
    memmove(c->tasks + place + 1, c->tasks + place,
            (c->n - place) * sizeof *c->tasks);
    c->tasks[place] = task;
    c->n++;
    q->n++;
}

static void queue_remove(struct queue *q, const struct gs_task *task)
{
    size_t at = chunk_of(q, task);
    struct chunk *c = q->chunks[at];
    size_t place = place_in(c, task);
    memmove(c->tasks + place, c->tasks + place + 1,
            (--c->n - place) * sizeof *c->tasks);
    q->n--;
    if (c->n)
        return;
    free(c);
    memmove(q->chunks + at, q->chunks + at + 1,
            (--q->n_chunks - at) * sizeof *q->chunks);
}

size_t gs_table_pending(const struct gs_table *t, struct gs_task **out,
                        size_t room)
{
    size_t n = 0;
    const struct queue *q = &t->pending;
    for (size_t i = 0; i < q->n_chunks && n < room; i++)
        for (size_t k = 0; k < q->chunks[i]->n && n < room; k++)
            out[n++] = q->chunks[i]->tasks[k];
    return n;
}

size_t gs_table_n_pending(const struct gs_table *t)
{
    return t->pending.n;
}

/* Active tasks */

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

static bool is_active(enum gs_task_state state)
{
    return state == GS_TASK_DISPATCHED || state == GS_TASK_RUNNING;
}

static void enter(struct gs_table *t, struct gs_task *task)
{
    if (task->state == GS_TASK_PENDING)
        queue_add(&t->pending, task);
    else if (is_active(task->state))
        set_add(&t->active, task);
}

static void leave(struct gs_table *t, struct gs_task *task,
                  enum gs_task_state state)
{
    if (state == GS_TASK_PENDING)
        queue_remove(&t->pending, task);
    else if (is_active(state))
        set_remove(&t->active, task);
}

/* The order of change */

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

static void add_work(struct gs_table *t, struct gs_task *task)
{
    int absent;
    if (!task->fingerprint)
        return;
    khint_t k = kh_put(task, t->by_work, task->fingerprint, &absent);
    task->same_work = absent ? NULL : kh_value(t->by_work, k);
    kh_value(t->by_work, k) = task;
}

/* `task` is the newest of its work: it was added a moment ago. */
static void remove_work(struct gs_table *t, struct gs_task *task)
{
    if (!task->fingerprint)
        return;
    khint_t k = kh_get(task, t->by_work, task->fingerprint);
    if (k == kh_end(t->by_work) || kh_value(t->by_work, k) != task)
        return;
    if (task->same_work) {
        kh_key(t->by_work, k) = task->same_work->fingerprint;
        kh_value(t->by_work, k) = task->same_work;
    } else {
        kh_del(task, t->by_work, k);
    }
    task->same_work = NULL;
}

struct gs_task *gs_table_same_work(const struct gs_table *t,
                                   const char *fingerprint)
{
    khint_t k = kh_get(task, t->by_work, fingerprint);
    return k == kh_end(t->by_work) ? NULL : kh_value(t->by_work, k);
}

void gs_table_add(struct gs_table *t, struct gs_task *task)
{
    int absent;
    khint_t k = kh_put(task, t->by_id, task->id, &absent);
    kh_value(t->by_id, k) = task;
    task->order = (int64_t)kh_size(t->by_id);
    t->counts[task->state]++;
    add_work(t, task);
    enter(t, task);
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
    return t->counts[state];
}

size_t gs_table_live(const struct gs_table *t)
{
    return t->pending.n + t->active.n;
}

void gs_table_touch(struct gs_table *t, struct gs_task *task,
                    enum gs_task_state was)
{
    if (was != task->state) {
        t->counts[was] -= 1 + task->n_aliases;
        t->counts[task->state] += 1 + task->n_aliases;
        if (!is_active(was) || !is_active(task->state)) {
            leave(t, task, was);
            enter(t, task);
        }
    }
    unlink_task(t, task);
    link_newest(t, task);
    for (struct gs_task *a = task->aliases; a; a = a->next_alias) {
        a->seq = task->seq;
        unlink_task(t, a);
        link_newest(t, a);
    }
}

void gs_table_adopt(struct gs_table *t, struct gs_task *task,
                    struct gs_task *target)
{
    while (target->target) /* one step to the one that really ran */
        target = target->target;
    leave(t, task, task->state);
    remove_work(t, task);
    t->counts[task->state]--;
    t->counts[target->state]++;
    task->target = target;
    task->next_alias = target->aliases;
    target->aliases = task;
    target->n_aliases++;
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

struct gs_task *const *gs_table_active(const struct gs_table *t, size_t *n)
{
    *n = t->active.n;
    return t->active.items;
}
