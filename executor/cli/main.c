/*
 * main: finds the verb and hands over. Nothing is read, opened or changed
 * here; the exit codes are those of cli.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/local/local.h"
#include "cli/cli.h"

static int run(int argc, char **argv)
{
    static char name[] = "version";
    static char *version[] = {name, NULL};
    if (argc < 2) {
        gs_cli_note("a verb is missing; 'genosched help' lists them");
        return GS_EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        gs_cli_usage();
        return GS_EXIT_OK;
    }
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
        return gs_cli_version(1, version);
    const struct gs_cli_verb *verb = gs_cli_verb_find(argv[1]);
    if (!verb)
        return gs_cli_unknown_verb(argv[1]);
    if (verb->common & GS_CLI_SCOPE)
        gs_local_reexec(argv);
    return verb->call(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
    int rc = run(argc, argv);
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        gs_cli_note("cannot write to standard output: %s",
                    strerror(errno ? errno : EIO));
        if (rc == GS_EXIT_OK)
            rc = GS_EXIT_INTERNAL;
    }
    return rc;
}
