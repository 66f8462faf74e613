/*
 * reexec: a user's login session is a cgroup that only root may divide. A
 * scope of its own, made by the user's systemd, may be divided: genosched
 * starts itself again inside one. The descriptors 0 to 2 stay what they are,
 * so the engine notices nothing.
 */
#include "backend/local/local.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"

enum {
    MAX_ARGS = 256,
};

/* Set in the second start: it must not try a third. */
static const char mark[] = "GENOSCHED_IN_SCOPE";

static bool needed(void)
{
    char *mount = NULL, *own = NULL;
    bool yes = false;
    if (geteuid() != 0 && !getenv(mark) &&
        gs_cgroup_self("", &mount, &own) == 0) {
        gs_auto_free char *all = gs_format("%s/cgroup.controllers", mount);
        gs_auto_free char *text = gs_file_read(all, 4096, NULL, NULL);
        yes = text && strstr(text, "memory") && access(own, W_OK) < 0;
    }
    free(mount);
    free(own);
    return yes;
}

/* A user manager that listens: its private socket is there. */
static bool has_manager(void)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    gs_auto_free char *socket =
        gs_format("%s/systemd/private", runtime ? runtime : "/nonexistent");
    return access(socket, W_OK) == 0 &&
           (access("/usr/bin/systemd-run", X_OK) == 0 ||
            access("/bin/systemd-run", X_OK) == 0);
}

/* Once for nothing: after the exec below there is no way back. */
static bool works(char *const *words, int n)
{
    char *args[MAX_ARGS];
    static char nothing[] = "/bin/true";
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_t files;
    memcpy(args, words, (size_t)n * sizeof *args);
    args[n] = nothing;
    args[n + 1] = NULL;
    posix_spawn_file_actions_init(&files);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    int rc = posix_spawnp(&pid, args[0], &files, NULL, args, environ);
    posix_spawn_file_actions_destroy(&files);
    if (rc == 0)
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
    return rc == 0 && status == 0;
}

void gs_local_reexec(char **argv)
{
    static char run[] = "systemd-run", user[] = "--user", scope[] = "--scope",
                quiet[] = "--quiet", option[] = "-p",
                delegate[] = "Delegate=yes", end[] = "--";
    static char self[PATH_MAX];
    char *args[MAX_ARGS] = {run, user, scope, quiet, option, delegate, end};
    int n = 7;
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    if (len <= 0 || !needed() || !has_manager() || !works(args, n))
        return;
    args[n++] = self;
    for (char **a = argv + 1; *a; a++) {
        if (n + 1 >= MAX_ARGS)
            return;
        args[n++] = *a;
    }
    setenv(mark, "1", 1);
    execvp(run, args); /* on failure: without a scope, as before */
    unsetenv(mark);
}
