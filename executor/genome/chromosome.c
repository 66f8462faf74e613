/*
 * chromosome: see the header.
 */
#include "genome/chromosome.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* ":123", ":1-5,000", ":7-": a region. Contigs may hold colons themselves
 * (HLA-A*01:01:01), which are no regions: coordinates begin with 1. */
static const char *region_of(const char *name)
{
    const char *colon = strchr(name, ':');
    if (!colon || colon == name || colon[1] < '1' || colon[1] > '9')
        return NULL;
    size_t n = 1 + strspn(colon + 1, "0123456789,");
    if (colon[n] == '-')
        n += 1 + strspn(colon + n + 1, "0123456789,");
    return colon[n] == '\0' ? colon : NULL;
}

static const char *skip_prefix(const char *name)
{
    if (strncasecmp(name, "chr", 3) != 0 || !name[3])
        return name;
    if (strncasecmp(name, "chromosome", 10) != 0)
        return name + 3;
    const char *rest = name + 10 + strspn(name + 10, "_ -");
    return *rest ? rest : name;
}

char *gs_chromosome_normalise(const char *name, char *out, size_t room,
                              char *region, size_t region_room)
{
    const char *core = skip_prefix(name);
    const char *colon = region_of(core);
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
