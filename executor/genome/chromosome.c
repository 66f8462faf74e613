/*
 * chromosome: see the header.
 */
#include "genome/chromosome.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

char *gs_chromosome_normalise(const char *name, char *out, size_t room,
                              char *region, size_t region_room)
{
    const char *core = name;
    if (strncasecmp(core, "chr", 3) == 0 && core[3])
        core += 3;
    const char *colon = strrchr(core, ':');
    size_t len = colon ? (size_t)(colon - core) : strlen(core);
    if (region)
        snprintf(region, region_room, "%s", colon ? colon + 1 : "");
    if (len == 1 && (*core == 'M' || *core == 'm'))
        snprintf(out, room, "MT");
    else
        snprintf(out, room, "%.*s", (int)len, core);
    if (strcasecmp(out, "mt") == 0 || strcasecmp(out, "x") == 0 ||
        strcasecmp(out, "y") == 0)
        for (char *p = out; *p; p++)
            if (*p >= 'a' && *p <= 'z')
                *p = (char)(*p - 'a' + 'A');
    return out;
}
