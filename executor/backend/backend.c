/*
 * backend: the names of reasons and of backends.
 */
#include "backend/backend.h"

#include <string.h>

static const char *const reasons[] = {
    [GS_REASON_NONE] = "",
    [GS_REASON_EXIT] = "exit",
    [GS_REASON_SIGNAL] = "signal",
    [GS_REASON_OOM] = "oom",
    [GS_REASON_TIMEOUT] = "timeout",
    [GS_REASON_PREEMPTED] = "preempted",
    [GS_REASON_INFRASTRUCTURE] = "infrastructure",
    [GS_REASON_CANCELLED] = "cancelled",
};

const char *gs_reason_name(enum gs_reason reason)
{
    return reasons[reason];
}

enum gs_reason gs_reason_parse(const char *name)
{
    for (size_t i = 1; name && i < sizeof reasons / sizeof *reasons; i++)
        if (strcmp(reasons[i], name) == 0)
            return (enum gs_reason)i;
    return GS_REASON_NONE;
}

const struct gs_backend *gs_backend_by_name(const char *name)
{
    return name && strcmp(name, gs_backend_local.name) == 0 ? &gs_backend_local
                                                            : NULL;
}
