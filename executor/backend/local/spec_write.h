/*
 * spec_write: the launch as the shim reads it (shim/spec.h), in a memfd that
 * no other process can open by name.
 */
#ifndef GS_LOCAL_SPEC_WRITE_H
#define GS_LOCAL_SPEC_WRITE_H

#include "backend/backend.h"
#include "backend/local/local.h"

/* `gpus`: value of CUDA_VISIBLE_DEVICES, NULL: leave it alone. Returns the
 * descriptor or -1. */
int gs_spec_write(const struct gs_local_attempt *a,
                  const struct gs_launch *launch, const char *gpus,
                  struct gs_error *err);

#endif
