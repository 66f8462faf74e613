/*
 * suggest: see the header. Distance after Damerau (1964) in its restricted
 * form: no part is edited twice.
 */
#include "base/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

static int least(int a, int b, int c)
{
    int ab = a < b ? a : b;
    return ab < c ? ab : c;
}

static bool same(char a, char b)
{
    return tolower((unsigned char)a) == tolower((unsigned char)b);
}

int gs_edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    if (n > GS_SUGGEST_MAX || m > GS_SUGGEST_MAX)
        return -1;
    int rows[3][GS_SUGGEST_MAX + 1];
    int *older = rows[0], *old = rows[1], *now = rows[2];
    for (size_t j = 0; j <= m; j++)
        old[j] = (int)j;
    for (size_t i = 1; i <= n; i++) {
        now[0] = (int)i;
        for (size_t j = 1; j <= m; j++) {
            int replace = old[j - 1] + !same(a[i - 1], b[j - 1]);
            now[j] = least(old[j] + 1, now[j - 1] + 1, replace);
            if (i > 1 && j > 1 && same(a[i - 1], b[j - 2]) &&
                same(a[i - 2], b[j - 1]) && older[j - 2] + 1 < now[j])
                now[j] = older[j - 2] + 1;
        }
        int *spare = older;
        older = old;
        old = now;
        now = spare;
    }
    return old[m];
}

void gs_suggest(const char *word, const char *candidate, const char **best,
                int *distance)
{
    size_t len = strlen(word);
    int limit = len < 4 ? 1 : len < 8 ? 2 : 3;
    int d = gs_edit_distance(word, candidate);
    if (len >= 3 && d > 1 && strncasecmp(word, candidate, len) == 0)
        d = 1; /* a beginning is as good as one slip */
    if (d < 0 || d > limit || (*best && d >= *distance))
        return;
    *best = candidate;
    *distance = d;
}
