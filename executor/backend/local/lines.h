/*
 * lines: the small files that genosched and its shims write for each other
 * are lines of `key=value`.
 */
#ifndef GS_LOCAL_LINES_H
#define GS_LOCAL_LINES_H

#include <stdbool.h>
#include <stdint.h>

struct gs_line {
    const char *key, *value;
};

/* Takes the next whole line (one that LF ends) off *text and cuts it in two
 * in place; false at the end. Lines without '=' are skipped. */
bool gs_line_next(char **text, struct gs_line *line);

#endif
