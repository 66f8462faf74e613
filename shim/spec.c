/*
 * spec: reads what genosched wrote into the memfd. The texts are used where
 * they are mapped; a spec that is cut short or says nothing sensible is
 * refused as a whole.
 */
#include "shim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_SPEC_BYTES = 64 << 20,
};

static int64_t number(const char *text)
{
    char *end;
    errno = 0;
    long long n = strtoll(text, &end, 10);
    return errno || end == text || *end || n < 0 ? -1 : n;
}

/* One of the single texts or numbers; false if the key is unknown. */
static bool set_field(struct spec *s, const char *key, size_t len,
                      const char *value)
{
    const struct {
        const char *key;
        const char **text;
        int64_t *number;
    } fields[] = {
        {"name", &s->name, NULL},           {"dir", &s->dir, NULL},
        {"workdir", &s->workdir, NULL},     {"stdout", &s->out, NULL},
        {"stderr", &s->err, NULL},          {"memory", &s->memory, NULL},
        {"cpuacct", &s->cpuacct, NULL},     {"limit", NULL, &s->limit},
        {"time_ms", NULL, &s->time_ms},     {"grace_ms", NULL, &s->grace_ms},
        {"sample_ms", NULL, &s->sample_ms}, {"oom_score", NULL, &s->oom_score},
    };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strlen(fields[i].key) != len ||
            memcmp(fields[i].key, key, len) != 0)
            continue;
        if (fields[i].text)
            *fields[i].text = value;
        else
            *fields[i].number = number(value);
        return true;
    }
    return false;
}

static bool set_choice(struct spec *s, const char *key, size_t len,
                       const char *value)
{
    if (len == 7 && memcmp(key, "enforce", 7) == 0) {
        s->enforce = strcmp(value, "cgroup") == 0 ? ENFORCE_CGROUP
                     : strcmp(value, "pss") == 0  ? ENFORCE_PSS
                                                  : ENFORCE_NONE;
        return true;
    }
    if (len == 6 && memcmp(key, "cgroup", 6) == 0) {
        s->cgroup = strcmp(value, "2") == 0 ? 2 : 1;
        return true;
    }
    return false;
}

static bool is_key(const char *text, const char *key)
{
    size_t len = strlen(key);
    return strncmp(text, key, len) == 0 && text[len] == '=';
}

static const char *parse(struct spec *s, char *text, size_t len)
{
    char *end = text + len;
    size_t n_arg = 0, n_env = 0;
    if (len == 0 || end[-1] != '\0' || strcmp(text, GS_SPEC_MAGIC) != 0)
        return "the spec does not begin with " GS_SPEC_MAGIC;
    for (char *p = text; p < end; p += strlen(p) + 1) {
        n_arg += is_key(p, "arg");
        n_env += is_key(p, "env");
    }
    s->argv = calloc(n_arg + 1, sizeof *s->argv);
    s->envp = calloc(n_env + 1, sizeof *s->envp);
    if (!s->argv || !s->envp)
        return "out of memory";
    bool whole = false;
    n_arg = n_env = 0;
    for (char *p = text + strlen(text) + 1; p < end; p += strlen(p) + 1) {
        char *eq = strchr(p, '=');
        if (!eq)
            return "the spec has a text without '='";
        size_t key = (size_t)(eq - p);
        if (is_key(p, "arg"))
            s->argv[n_arg++] = eq + 1;
        else if (is_key(p, "env"))
            s->envp[n_env++] = eq + 1;
        else if (is_key(p, "end"))
            whole = true;
        else if (!set_field(s, p, key, eq + 1) &&
                 !set_choice(s, p, key, eq + 1))
            return "the spec has a key that this shim does not know";
    }
    if (!whole)
        return "the spec is cut short";
    if (n_arg == 0 || !s->name || !s->dir || !s->workdir || !s->out || !s->err)
        return "the spec lacks a key";
    if (s->limit < 0 || s->time_ms < 0 || s->grace_ms < 0 ||
        s->sample_ms <= 0 || s->oom_score < 0 || s->oom_score > 1000)
        return "the spec has a bad number";
    if (s->enforce == ENFORCE_CGROUP && (!s->memory || !s->cgroup))
        return "the spec asks for a cgroup and names none";
    return NULL;
}

const char *spec_load(struct spec *spec, int fd)
{
    struct stat st;
    memset(spec, 0, sizeof *spec);
    if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > MAX_SPEC_BYTES)
        return "no spec on the descriptor";
    spec->map_len = (size_t)st.st_size;
    spec->map =
        mmap(NULL, spec->map_len, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    close(fd);
    if (spec->map == MAP_FAILED)
        return "the spec cannot be mapped";
    return parse(spec, spec->map, spec->map_len);
}

void spec_wipe(struct spec *spec)
{
    const char **kept[] = {&spec->name,   &spec->dir, &spec->workdir,
                           &spec->out,    &spec->err, &spec->memory,
                           &spec->cpuacct};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (*kept[i] && !(*kept[i] = strdup(*kept[i])))
            *kept[i] = "";
    free(spec->argv);
    free(spec->envp);
    spec->argv = spec->envp = NULL;
    munmap(spec->map, spec->map_len);
    spec->map = NULL;
}
