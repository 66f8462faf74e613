/*
 * predict: from what is known of a task to a distribution of its peak memory.
 *
 * PURE: no files, no clock, no globals; the same calls give the same answers.
 * A model holds what was observed, by process. Today's rule: the limit is the
 * request, or what the same process needed before where the points speak for
 * this task (same chromosome, or no larger input than was seen).
 */
#ifndef GS_PREDICT_PREDICT_H
#define GS_PREDICT_PREDICT_H

#include <stdbool.h>
#include <stdint.h>

struct gs_model;

/* What one attempt used. Strings are borrowed; -1 and NULL: not known. */
struct gs_observation {
    const char *process;
    const char *chromosome;
    int64_t input_bytes;
    int64_t peak_bytes;
    int64_t wall_ms;
    bool censored; /* killed for memory: the need is above peak_bytes */
};

struct gs_question {
    const char *process;
    const char *chromosome;
    int64_t input_bytes;
    int64_t requested_bytes; /* -1: the engine named none */
    bool memory_in_script;   /* the limit must not go below the request */
    int64_t floor_bytes;     /* what killed attempts of it have shown, or 0 */
};

/* Peak memory as mean and standard deviation (0 points: of the request, a
 * weak guess), run time likewise, and the limit advised. */
struct gs_estimate {
    double memory_mean_bytes, memory_sd_bytes;
    double time_mean_ms, time_sd_ms; /* -1: not known */
    int64_t limit_bytes;
    int points;    /* how many observations speak */
    char why[160]; /* for `explain` */
};

struct gs_predict_policy {
    bool enabled;          /* false: the request, or default_bytes */
    int64_t default_bytes; /* nothing requested, nothing known */
    int64_t max_bytes;     /* the largest machine */
};

struct gs_model *gs_model_create(void);
void gs_model_destroy(struct gs_model *model);

/* True if anything was ever learned of the process, or gs_model_note was
 * called for it (its history has been read, and may hold nothing). */
bool gs_model_knows(const struct gs_model *model, const char *process);
void gs_model_note(struct gs_model *model, const char *process);

void gs_model_learn(struct gs_model *model, const struct gs_observation *seen);

/* From 1 (nothing learned), and more with whatever is learned of the process:
 * a cached estimate is stale when it was made under another number. */
uint64_t gs_model_generation(const struct gs_model *model, const char *process);

struct gs_estimate gs_predict(const struct gs_model *model,
                              const struct gs_question *question,
                              const struct gs_predict_policy *policy);

#endif
