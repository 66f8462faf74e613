/*
 * shim_find: where genosched-shim is. A shim of another version might read
 * the spec another way: it is refused.
 */
#include "backend/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static const char expected[] = "genosched-shim " GS_VERSION "\n";

/* Beside the running program, or in its prefix's libexec. */
static char *beside(const char *below)
{
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    if (n <= 0)
        return NULL;
    self[n] = '\0';
    char *slash = strrchr(self, '/');
    *slash = '\0';
    char *path = gs_format("%s/%s", self, below);
    if (access(path, X_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static int run_version(const char *path, char *out, size_t room)
{
    int fds[2], status = -1;
    pid_t pid;
    char name[] = "genosched-shim", option[] = "--version";
    char *argv[] = {name, option, NULL}, *envp[] = {NULL};
    posix_spawn_file_actions_t files;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, fds[1], STDOUT_FILENO);
    int rc = posix_spawn(&pid, path, &files, NULL, argv, envp);
    posix_spawn_file_actions_destroy(&files);
    close(fds[1]);
    size_t used = 0;
    for (ssize_t n; rc == 0 && used + 1 < room; used += (size_t)n)
        if ((n = read(fds[0], out + used, room - 1 - used)) <= 0)
            break;
    out[used] = '\0';
    close(fds[0]);
    if (rc == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    errno = rc;
    return rc == 0 ? 0 : -1;
}

char *gs_local_find_shim(struct gs_error *err)
{
    char said[128];
    char *path = beside("genosched-shim");
    const char *told = getenv("GENOSCHED_SHIM");
    if (!path && told && *told)
        path = gs_strdup(told);
    if (!path)
        path = beside("../libexec/genosched/genosched-shim");
    if (!path) {
        gs_fail(err, GS_ERR_BACKEND,
                "genosched-shim was not found: it is neither beside the "
                "genosched program nor in ../libexec/genosched, and "
                "GENOSCHED_SHIM is not set; install both programs together");
        return NULL;
    }
    if (run_version(path, said, sizeof said) < 0) {
        gs_fail_errno(err, GS_ERR_BACKEND,
                      "cannot run the supervisor %s; install genosched-shim "
                      "beside genosched or set GENOSCHED_SHIM",
                      path);
    } else if (strcmp(said, expected) != 0) {
        said[strcspn(said, "\n")] = '\0';
        gs_fail(err, GS_ERR_BACKEND,
                "%s is of another version: it says \"%s\", needed is %s; "
                "install both programs together",
                path, said, GS_VERSION);
    } else {
        return path;
    }
    free(path);
    return NULL;
}
