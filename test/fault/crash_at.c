/*
 * crash_at: loaded before libc, it kills genosched at its nth step that
 * changes something outside: a write, a sync, a rename, a new file or folder,
 * a spawn. GS_CRASH_AT says at which; other programs are left alone.
 */
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static long left;

__attribute__((constructor)) static void begin(void)
{
    const char *at = getenv("GS_CRASH_AT");
    if (at && strcmp(program_invocation_short_name, "genosched") == 0)
        left = strtol(at, NULL, 10);
}

static void step(void)
{
    if (left > 0 && --left == 0)
        raise(SIGKILL);
}

#define STEP(type, name, parameters, arguments)                                \
    type name parameters;                                                      \
    type name parameters                                                       \
    {                                                                          \
        static type(*real) parameters;                                         \
        if (!real)                                                             \
            *(void **)&real = dlsym(RTLD_NEXT, #name);                         \
        step();                                                                \
        return real arguments;                                                 \
    }

STEP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n))
STEP(ssize_t, pwrite, (int fd, const void *data, size_t n, off_t at),
     (fd, data, n, at))
STEP(ssize_t, pwrite64, (int fd, const void *data, size_t n, off_t at),
     (fd, data, n, at))
STEP(int, fsync, (int fd), (fd))
STEP(int, fdatasync, (int fd), (fd))
STEP(int, ftruncate, (int fd, off_t size), (fd, size))
STEP(int, ftruncate64, (int fd, off_t size), (fd, size))
STEP(int, rename, (const char *from, const char *to), (from, to))
STEP(int, unlink, (const char *path), (path))
STEP(int, mkdir, (const char *path, mode_t mode), (path, mode))
STEP(int, posix_spawn,
     (pid_t *restrict pid, const char *restrict path,
      const posix_spawn_file_actions_t *restrict files,
      const posix_spawnattr_t *restrict attr, char *const argv[restrict],
      char *const envp[restrict]),
     (pid, path, files, attr, argv, envp))
