/*
 * serve: the protocol on standard input and output, for one engine.
 *
 * Nothing but protocol lines ever reaches standard output. The terminal's
 * Ctrl-C reaches this process too and is ignored: the engine's own clean-up
 * decides. SIGTERM counts as the engine having gone.
 */
#include "cli/cli.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "run/server.h"

static int take_signals(struct gs_error *err)
{
    sigset_t set;
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot block SIGTERM");
    int fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? gs_fail_errno(err, GS_ERR_SYSTEM, "cannot use signalfd")
                  : fd;
}

static void on_term(void *arg, int fd)
{
    struct signalfd_siginfo info;
    if (read(fd, &info, sizeof info) == (ssize_t)sizeof info)
        gs_server_terminate(arg);
}

/* Protocol lines go to a private copy of stdout; whatever a library might
 * print lands on stderr. */
static int private_stdout(struct gs_error *err)
{
    int out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    if (out < 0 || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        return gs_fail_errno(err, GS_ERR_SYSTEM, "cannot set up stdout");
    return out;
}

static int serve(struct gs_config *config, struct gs_error *err)
{
    gs_auto_close int signals = take_signals(err);
    gs_auto_close int out = signals < 0 ? -1 : private_stdout(err);
    struct gs_loop *loop = out < 0 ? NULL : gs_loop_create(err);
    if (!loop)
        return -1;
    struct gs_server *server =
        gs_server_create(loop, config, STDIN_FILENO, out);
    struct gs_watch *watch = gs_loop_watch(loop, signals, on_term, server);
    int rc = gs_server_run(server, err);
    gs_loop_unwatch(loop, watch);
    gs_server_destroy(server);
    gs_loop_destroy(loop);
    return rc;
}

int gs_cli_serve(int argc, char **argv)
{
    struct gs_cli_args args;
    struct gs_error err = {0};
    int rc = gs_cli_parse(argc, argv, &args);
    if (rc != GS_CLI_GO)
        return rc;
    if (isatty(STDIN_FILENO))
        gs_cli_note("this speaks JSON lines with an engine's plugin, not with "
                    "a person; 'genosched help' lists what is for people");
    struct gs_config *config = gs_cli_load_config(&args, &rc);
    if (!config)
        return rc;
    setsid(); /* fails harmlessly if the engine has done it */
    curl_global_init(CURL_GLOBAL_DEFAULT);
    rc = serve(config, &err) < 0 ? gs_cli_fail(&err) : GS_EXIT_OK;
    curl_global_cleanup();
    gs_config_destroy(config);
    return rc;
}
