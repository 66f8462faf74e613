/*
 * chromosome: one name for the many ways a chromosome is written. PURE.
 */
#ifndef GS_GENOME_CHROMOSOME_H
#define GS_GENOME_CHROMOSOME_H

#include <stddef.h>

/* "chr7", "7", "Chr7", "chromosome 7" and "chr7:1-5000" give "7"; "chrM" and
 * "MT" give "MT". With a region, and if `region` is not NULL, what follows the
 * colon goes there ("" if none). Any other name is kept as it is. Returns
 * `out`. */
char *gs_chromosome_normalise(const char *name, char *out, size_t room,
                              char *region, size_t region_room);

#endif
