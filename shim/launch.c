/*
 * launch: the child on its way to the command.
 *
 * The child sets itself up, reports that it is ready and waits for the word:
 * between the two the shim makes `begun` durable. It holds neither the lock
 * nor the ledger entry, joins its cgroup before it touches anything large,
 * and dies with the shim.
 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

static void fail(int report, int stage)
{
    struct launch_error e = {stage, errno};
    ssize_t n = write(report, &e, sizeof e);
    (void)n;
    _exit(127);
}

static void reset_signals(void)
{
    /* What was handled becomes default by exec itself; what was ignored
     * would stay so. */
    for (int sig = 1; sig < SIGRTMIN; sig++)
        signal(sig, SIG_DFL); /* those that cannot be set say EINVAL */
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Above everything that is not a task, so that the kernel takes a task and
 * neither the shim nor the engine when the machine is full. */
static void raise_oom_score(const struct spec *spec)
{
    char text[32];
    if (slurp_at(AT_FDCWD, "/proc/self/oom_score_adj", text, sizeof text) > 0 &&
        strtol(text, NULL, 10) >= spec->oom_score)
        return;
    snprintf(text, sizeof text, "%d", (int)spec->oom_score);
    write_at(AT_FDCWD, "/proc/self/oom_score_adj", text);
}

static void open_as(int target, const char *path, int flags, int report,
                    int stage)
{
    int fd = open(path, flags | O_CLOEXEC, 0666);
    if (fd < 0 || dup2(fd, target) < 0)
        fail(report, stage);
    if (fd != target)
        close(fd);
}

static void open_stdio(const struct spec *spec, int report)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    open_as(STDIN_FILENO, "/dev/null", O_RDONLY, report, STAGE_STDOUT);
    open_as(STDOUT_FILENO, spec->out, flags, report, STAGE_STDOUT);
    if (strcmp(spec->out, spec->err) != 0)
        open_as(STDERR_FILENO, spec->err, flags, report, STAGE_STDERR);
    else if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
        fail(report, STAGE_STDERR);
}

static const char *path_in(char **envp)
{
    for (char **e = envp; *e; e++)
        if (strncmp(*e, "PATH=", 5) == 0)
            return *e + 5;
    return "/usr/local/bin:/usr/bin:/bin";
}

/* Runs argv[0], looked for on the task's own PATH if it has no slash. Unlike
 * execvp it hands nothing to a shell, and a folder of PATH that may not be
 * searched does not turn "not found" into "permission denied". */
static void run_command(char **argv, char **envp)
{
    char file[PATH_MAX];
    struct stat st;
    int why = ENOENT;
    if (strchr(argv[0], '/')) {
        execve(argv[0], argv, envp);
        return;
    }
    for (const char *p = path_in(envp);; p++) {
        int len = (int)strcspn(p, ":");
        /* An empty entry is the current folder. */
        int n = snprintf(file, sizeof file, "%.*s/%s", len > 0 ? len : 1,
                         len > 0 ? p : ".", argv[0]);
        if (n > 0 && (size_t)n < sizeof file) {
            execve(file, argv, envp);
            int failed = errno;
            if (stat(file, &st) == 0 && S_ISREG(st.st_mode))
                why = failed;
            if (failed == ENOEXEC || failed == E2BIG)
                break;
        }
        p += len;
        if (!*p)
            break;
    }
    errno = why;
}

static void child(const struct spec *spec, const struct cgroup *cg, pid_t shim,
                  int go, int report)
{
    close(GS_LOCK_FD);
    close(GS_LEDGER_FD);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != shim)
        _exit(127);
    setpgid(0, 0);
    raise_oom_score(spec);
    if (cgroup_join(cg) < 0)
        fail(report, STAGE_CGROUP);
    if (chdir(spec->workdir) < 0)
        fail(report, STAGE_WORKDIR);
    open_stdio(spec, report);
    reset_signals();
    struct launch_error ready = {STAGE_NONE, 0};
    char word;
    if (write(report, &ready, sizeof ready) != sizeof ready)
        _exit(127);
    while (read(go, &word, 1) != 1)
        if (errno != EINTR)
            _exit(127);
    run_command(spec->argv, spec->envp);
    fail(report, STAGE_EXEC);
}

int launch_start(struct launch *l, const struct spec *spec,
                 const struct cgroup *cg)
{
    int go[2], report[2];
    if (pipe2(go, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(report, O_CLOEXEC) < 0) {
        close(go[0]);
        close(go[1]);
        return -1;
    }
    pid_t shim = getpid();
    l->pid = fork();
    if (l->pid == 0) {
        close(go[1]);
        child(spec, cg, shim, go[0], report[1]);
    }
    int saved = errno;
    close(go[0]);
    close(report[1]);
    l->go = go[1];
    l->report = report[0];
    if (l->pid < 0) {
        close(l->go);
        close(l->report);
        errno = saved;
        return -1;
    }
    return 0;
}

void launch_release(struct launch *l)
{
    ssize_t n = write(l->go, "g", 1); /* a dead child is seen by wait */
    (void)n;
    close(l->go);
    l->go = -1;
}

void launch_explain(const struct spec *spec, const struct launch_error *e,
                    char *out, size_t room)
{
    const char *why = strerror(e->error);
    switch (e->stage) {
    case STAGE_WORKDIR:
        snprintf(out, room,
                 "the command was not run: work directory %s: %s; make it "
                 "before the task is submitted, on a file system that this "
                 "machine sees",
                 spec->workdir, why);
        break;
    case STAGE_STDOUT:
    case STAGE_STDERR:
        snprintf(out, room,
                 "the command was not run: cannot write its output file %s in "
                 "%s: %s; check permissions and free space",
                 e->stage == STAGE_STDOUT ? spec->out : spec->err,
                 spec->workdir, why);
        break;
    case STAGE_CGROUP:
        snprintf(out, room,
                 "the command was not run: cannot enter cgroup %s: %s; see "
                 "`genosched doctor`",
                 spec->memory, why);
        break;
    case STAGE_EXEC:
        snprintf(out, room,
                 "cannot run %s: %s; check that the program is installed, "
                 "executable and on the task's PATH",
                 spec->argv[0], why);
        break;
    case STAGE_BEGUN:
        snprintf(out, room,
                 "the command was not run: cannot write to %s: %s; free some "
                 "space or repair the state folder",
                 spec->dir, why);
        break;
    default:
        snprintf(out, room,
                 "the command was not run: cannot make a process: %s; the "
                 "machine has too many of them or too little memory",
                 why);
    }
}
