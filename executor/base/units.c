/*
 * units: sizes and durations as people write them. Declared in config.h.
 *
 * A number, perhaps with a decimal point, and a unit; a space between them is
 * optional. Units that two programs read differently ("G", "m") are refused.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/config.h"

struct unit {
    const char *name;
    double factor;
};

static const struct unit sizes[] = {
    {"", 1},
    {"B", 1},
    {"KB", 1e3},
    {"MB", 1e6},
    {"GB", 1e9},
    {"TB", 1e12},
    {"PB", 1e15},
    {"KiB", 1024.0},
    {"MiB", 1024.0 * 1024},
    {"GiB", 1024.0 * 1024 * 1024},
    {"TiB", 1024.0 * 1024 * 1024 * 1024},
    {"PiB", 1024.0 * 1024 * 1024 * 1024 * 1024},
};

static const struct unit durations[] = {
    {"", 1},         {"ms", 1},         {"s", 1000},        {"sec", 1000},
    {"min", 60000},  {"h", 3600000},    {"hour", 3600000},  {"hours", 3600000},
    {"d", 86400000}, {"day", 86400000}, {"days", 86400000},
};

/* Decimal digits with at most one point; no sign, exponent, hex or locale.
 * Returns where it ends, NULL if it is none. */
static const char *decimal(const char *text, double *out)
{
    char digits[40];
    size_t n = 0;
    int points = 0, figures = 0;
    for (; isdigit((unsigned char)*text) || *text == '.'; text++) {
        if (n + 1 == sizeof digits)
            return NULL;
        points += *text == '.';
        figures += *text != '.';
        digits[n++] = *text;
    }
    digits[n] = '\0';
    if (figures == 0 || points > 1)
        return NULL;
    *out = strtod(digits, NULL);
    return text;
}

static int parse(const char *text, const struct unit *units, size_t n_units,
                 const char *what, const char *example, int64_t *out,
                 struct gs_error *err)
{
    double number;
    while (*text == ' ')
        text++;
    const char *unit = decimal(text, &number);
    if (!unit)
        return gs_fail(err, GS_ERR_INVALID,
                       "'%.64s' is not a %s; write it like %s", text, what,
                       example);
    while (*unit == ' ')
        unit++;
    for (size_t i = 0; i < n_units; i++) {
        if (strcasecmp(unit, units[i].name) != 0)
            continue;
        double value = number * units[i].factor;
        if (value > (double)(INT64_C(1) << 53))
            return gs_fail(err, GS_ERR_INVALID, "'%.64s' is too large a %s",
                           text, what);
        *out = (int64_t)floor(value);
        return 0;
    }
    return gs_fail(err, GS_ERR_INVALID,
                   "'%.64s': unit '%.16s' of a %s is not known; write it like "
                   "%s",
                   text, unit, what, example);
}

int gs_parse_size(const char *text, int64_t *bytes, struct gs_error *err)
{
    return parse(text, sizes, sizeof sizes / sizeof *sizes, "size",
                 "20 GiB, 500 MB or 1073741824", bytes, err);
}

int gs_parse_duration(const char *text, int64_t *ms, struct gs_error *err)
{
    return parse(text, durations, sizeof durations / sizeof *durations,
                 "duration", "250 ms, 30 min or 2 h", ms, err);
}

char *gs_print_size(int64_t bytes, char *out, size_t room)
{
    static const char *const names[] = {"KiB", "MiB", "GiB", "TiB"};
    double value = (double)bytes;
    int i = -1;
    while (i < 3 && value >= (i < 0 ? 1024 : 1023.5)) { /* as it rounds */
        value /= 1024;
        i++;
    }
    if (bytes < 0)
        snprintf(out, room, "-");
    else if (i < 0)
        snprintf(out, room, "%d B", (int)bytes);
    else if (i < 2 && value >= 10)
        snprintf(out, room, "%.0f %s", value, names[i]);
    else
        snprintf(out, room, "%.1f %s", value, names[i]);
    return out;
}
