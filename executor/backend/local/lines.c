/*
 * lines: see the header.
 */
#include "backend/local/lines.h"

#include <string.h>

bool gs_line_next(char **text, struct gs_line *line)
{
    for (char *p = *text, *end; p && (end = strchr(p, '\n')); p = end + 1) {
        *end = '\0';
        char *eq = strchr(p, '=');
        if (!eq)
            continue;
        *eq = '\0';
        *line = (struct gs_line){p, eq + 1};
        *text = end + 1;
        return true;
    }
    return false;
}
