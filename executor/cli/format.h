/*
 * format: figures and tables as people read them on a screen.
 */
#ifndef GS_CLI_FORMAT_H
#define GS_CLI_FORMAT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "1.4 GiB", "-" if it is not known. All take the caller's buffer. */
enum {
    GS_TEXT_ROOM = 48,
};
char *gs_show_size(int64_t bytes, char out[GS_TEXT_ROOM]);
/* "3 h 05 min", "3 min 20 s", "4.2 s", "12 ms", "-". */
char *gs_show_duration(int64_t ms, char out[GS_TEXT_ROOM]);
/* Local time: "21:05:33", with the date if that is another day. */
char *gs_show_time(int64_t ms, char out[GS_TEXT_ROOM]);

/* Columns of the terminal, 80 if it is none. */
int gs_terminal_width(void);

/* [#####....]: of `width` cells, `full` of `whole` in # and up to `half` of
 * `whole` in +. */
void gs_show_bar(double full, double half, double whole, int width);

/* A table that knows how wide its columns must be. Cells are copied. */
struct gs_grid;
struct gs_grid *gs_grid_create(const char *const *titles, int columns);
void gs_grid_destroy(struct gs_grid *grid);
/* The next cell, row by row; NULL prints "-". Control characters of what
 * comes from a pipeline are replaced. */
void gs_grid_add(struct gs_grid *grid, const char *text);
void gs_grid_right(struct gs_grid *grid, int column); /* align right */
void gs_grid_print(const struct gs_grid *grid);

/* `text` without control characters; the caller frees. NULL gives NULL. */
char *gs_printable(const char *text);

/* Adds null for what is not known. */
void gs_json_add_known(cJSON *object, const char *key, int64_t value);
void gs_json_add_text(cJSON *object, const char *key, const char *value);

#endif
