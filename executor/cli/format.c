/*
 * format: see the header. Widths count characters, not bytes, of UTF-8.
 */
#include "cli/format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/config.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/cli.h"

enum {
    MAX_COLUMNS = 24,
};

char *gs_show_size(int64_t bytes, char out[GS_TEXT_ROOM])
{
    return gs_print_size(bytes, out, GS_TEXT_ROOM);
}

char *gs_show_duration(int64_t ms, char out[GS_TEXT_ROOM])
{
    long long s = ms / 1000;
    if (ms < 0)
        snprintf(out, GS_TEXT_ROOM, "-");
    else if (ms < 1000)
        snprintf(out, GS_TEXT_ROOM, "%d ms", (int)ms);
    else if (s < 60)
        snprintf(out, GS_TEXT_ROOM, "%.1f s", (double)(ms / 100) / 10);
    else if (s < 3600)
        snprintf(out, GS_TEXT_ROOM, "%lld min %02lld s", s / 60, s % 60);
    else if (s < 86400 * 2)
        snprintf(out, GS_TEXT_ROOM, "%lld h %02lld min", s / 3600,
                 s % 3600 / 60);
    else
        snprintf(out, GS_TEXT_ROOM, "%lld d %02lld h", s / 86400,
                 s % 86400 / 3600);
    return out;
}

char *gs_show_time(int64_t ms, char out[GS_TEXT_ROOM])
{
    time_t then = (time_t)(ms / 1000);
    time_t now = (time_t)(gs_wall_now().ms / 1000);
    struct tm a, b;
    if (ms <= 0 || !localtime_r(&then, &a) || !localtime_r(&now, &b))
        snprintf(out, GS_TEXT_ROOM, "-");
    else
        strftime(out, GS_TEXT_ROOM,
                 a.tm_yday == b.tm_yday && a.tm_year == b.tm_year
                     ? "%H:%M:%S"
                     : "%Y-%m-%d %H:%M:%S",
                 &a);
    return out;
}

int gs_terminal_width(void)
{
    struct winsize size;
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        return size.ws_col;
    return 80;
}

void gs_show_bar(double full, double half, double whole, int width)
{
    int a = whole > 0 ? (int)(full / whole * width) : 0;
    int b = whole > 0 ? (int)(half / whole * width) : 0;
    a = a > width ? width : a;
    b = b > width ? width : b;
    printf("[%s", gs_style(GS_STYLE_GOOD));
    for (int i = 0; i < width; i++) {
        if (i == a)
            fputs(gs_plain(), stdout);
        putchar(i < a ? '#' : i < b ? '+' : '.');
    }
    printf("%s]", gs_plain());
}

char *gs_printable(const char *text)
{
    char *copy = gs_strdup(text);
    if (!copy)
        return NULL;
    unsigned char *p = (unsigned char *)copy, *end = p + strlen(copy);
    while (p < end) {
        size_t n = gs_json_utf8(p, end);
        /* C1 controls are two bytes in UTF-8: 0xc2 0x80 … 0xc2 0x9f. */
        if (n == 2 && p[0] == 0xc2 && p[1] <= 0x9f)
            p[0] = p[1] = ' ';
        else if (*p < 0x20 || *p == 0x7f)
            *p = ' ';
        else if (n == 0)
            *p = '?';
        p += n ? n : 1;
    }
    return copy;
}

struct gs_grid {
    const char *const *titles;
    int columns;
    bool right[MAX_COLUMNS];
    size_t width[MAX_COLUMNS];
    char **cells;
    size_t n, room;
};

static size_t letters(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

struct gs_grid *gs_grid_create(const char *const *titles, int columns)
{
    struct gs_grid *grid = gs_calloc(1, sizeof *grid);
    grid->titles = titles;
    grid->columns = columns < MAX_COLUMNS ? columns : MAX_COLUMNS;
    for (int i = 0; i < grid->columns; i++)
        grid->width[i] = letters(titles[i]);
    return grid;
}

void gs_grid_destroy(struct gs_grid *grid)
{
    if (!grid)
        return;
    for (size_t i = 0; i < grid->n; i++)
        free(grid->cells[i]);
    free(grid->cells);
    free(grid);
}

void gs_grid_right(struct gs_grid *grid, int column)
{
    grid->right[column] = true;
}

void gs_grid_add(struct gs_grid *grid, const char *text)
{
    if (grid->n == grid->room) {
        grid->room = grid->room ? 2 * grid->room : 64;
        grid->cells = gs_realloc(grid->cells, grid->room * sizeof *grid->cells);
    }
    char *cell = gs_printable(text ? text : "-");
    size_t column = grid->n % (size_t)grid->columns;
    size_t width = letters(cell);
    if (width > grid->width[column])
        grid->width[column] = width;
    grid->cells[grid->n++] = cell;
}

static void print_row(const struct gs_grid *grid, const char *const *cells)
{
    for (int i = 0; i < grid->columns; i++) {
        int pad = (int)(grid->width[i] - letters(cells[i]));
        bool last = i + 1 == grid->columns;
        printf("%*s%s%*s%s", grid->right[i] ? pad : 0, "", cells[i],
               grid->right[i] || last ? 0 : pad, "", last ? "" : "  ");
    }
}

void gs_grid_print(const struct gs_grid *grid)
{
    fputs(gs_style(GS_STYLE_BOLD), stdout);
    print_row(grid, grid->titles);
    printf("%s\n", gs_plain());
    for (size_t i = 0; i + (size_t)grid->columns <= grid->n;
         i += (size_t)grid->columns) {
        print_row(grid, (const char *const *)&grid->cells[i]);
        putchar('\n');
    }
}

void gs_json_add_known(cJSON *object, const char *key, int64_t value)
{
    if (value >= 0)
        gs_json_add_int(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

void gs_json_add_text(cJSON *object, const char *key, const char *value)
{
    if (value)
        gs_json_add_string(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}
