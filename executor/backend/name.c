/*
 * name: see the header. Must never map two attempts to one name.
 */
#include "backend/name.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_ESCAPED = 176, /* leaves room for ".ATTEMPT" */
    KEPT_OF_LONG = 100,
};

static bool is_plain(unsigned char c, bool first)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || (c == '.' && !first);
}

/* Escapes as much as fits into `room`; returns false if that is not all. */
static bool escape(const char *text, char *out, size_t room)
{
    size_t used = 0;
    for (const char *p = text; *p; p++) {
        unsigned char c = (unsigned char)*p;
        size_t need = is_plain(c, p == text) ? 1 : 3;
        if (used + need >= room)
            return false;
        if (need == 1)
            out[used] = (char)c;
        else
            snprintf(out + used, 4, "_%02x", c);
        used += need;
        out[used] = '\0';
    }
    return true;
}

void gs_attempt_name(const char *task, int attempt, char out[GS_NAME_MAX])
{
    char base[MAX_ESCAPED] = "";
    if (!escape(task, base, sizeof base)) {
        uint8_t digest[32];
        gs_sha256(task, strlen(task), digest);
        escape(task, base, KEPT_OF_LONG);
        size_t used = strlen(base);
        base[used++] = '~';
        for (int i = 0; i < 32; i++, used += 2)
            snprintf(base + used, 3, "%02x", digest[i]);
    }
    snprintf(out, GS_NAME_MAX, "%s.%d", base, attempt);
}
