/*
 * name: one name for an attempt that file systems and cgroups take, and that
 * no other attempt of the run has: task ids are up to 128 characters of any
 * kind. Letters, digits, '.' and '-' stay, every other byte becomes '_' and
 * two hexadecimal digits ('.' too where it comes first); what would be too
 * long ends in '~' and the SHA-256 of the id instead, which no escaped id can
 * hold. ".ATTEMPT" is put behind.
 */
#ifndef GS_BACKEND_NAME_H
#define GS_BACKEND_NAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    GS_NAME_MAX = 192, /* with the NUL */
};

void gs_attempt_name(const char *task, int attempt, char out[GS_NAME_MAX]);

/* FIPS 180-4. */
void gs_sha256(const void *data, size_t len, uint8_t digest[32]);

#endif
