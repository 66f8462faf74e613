/*
 * table: every task of a run, by id, by time of its last change, by state
 * and by fingerprint. Owns the tasks. Every change costs a constant time or
 * the logarithm of what is pending, however many tasks there are.
 */
#ifndef GS_RUN_TABLE_H
#define GS_RUN_TABLE_H

#include <stddef.h>

#include "run/task.h"

struct gs_table;

struct gs_table *gs_table_create(void);
void gs_table_destroy(struct gs_table *table);

/* Takes ownership. The id must be new. */
void gs_table_add(struct gs_table *table, struct gs_task *task);
struct gs_task *gs_table_find(const struct gs_table *table, const char *id);
size_t gs_table_size(const struct gs_table *table);
/* Adopted tasks count by their target. */
size_t gs_table_count(const struct gs_table *table, enum gs_task_state state);
/* Tasks that are not final, adopted ones not among them. */
size_t gs_table_live(const struct gs_table *table);

/* After every applied event: `was` is the state it had. Moves the task
 * (and those adopted from it) to the end of the order of change. */
void gs_table_touch(struct gs_table *table, struct gs_task *task,
                    enum gs_task_state was);
/* `task` is answered with `target` from now on. */
void gs_table_adopt(struct gs_table *table, struct gs_task *task,
                    struct gs_task *target);

/* The order of change: oldest change first. The walk may not change it. */
struct gs_task *gs_table_newest(const struct gs_table *table);
/* The first task changed after `seq`, or NULL; go on with ->seq_next. */
struct gs_task *gs_table_changed_after(const struct gs_table *table,
                                       int64_t seq);
struct gs_task *gs_table_oldest(const struct gs_table *table);

/* The pending tasks whose turn is next, at most `room` of them into `out`:
 * higher priority first, then in order of arrival. Returns how many. */
size_t gs_table_pending(const struct gs_table *table, struct gs_task **out,
                        size_t room);
size_t gs_table_n_pending(const struct gs_table *table);
/* Dispatched and running tasks, in no order that matters; valid until the
 * next touch. */
struct gs_task *const *gs_table_active(const struct gs_table *table, size_t *n);

/* The newest task with this fingerprint that is not itself adopted, or NULL;
 * go on with ->same_work. */
struct gs_task *gs_table_same_work(const struct gs_table *table,
                                   const char *fingerprint);

#endif
