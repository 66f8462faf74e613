/*
 * suggest: "did you mean". The nearest of a list of words by
 * Damerau-Levenshtein distance (optimal string alignment), or none if no word
 * is near enough to be a slip of the fingers.
 */
#ifndef GS_BASE_SUGGEST_H
#define GS_BASE_SUGGEST_H

#include <stddef.h>

enum {
    GS_SUGGEST_MAX = 64, /* longer words are never compared */
};

/* Edits (insert, delete, replace, swap of neighbours) from a to b; ASCII
 * case is ignored. -1 if one is longer than GS_SUGGEST_MAX. */
int gs_edit_distance(const char *a, const char *b);

/* Keeps the better of *best (may be NULL, with *distance ignored) and
 * `candidate`. */
void gs_suggest(const char *word, const char *candidate, const char **best,
                int *distance);

#endif
