/*
 * control: inotify on the folder; a file is read, removed and obeyed. A file
 * that is not such a request is removed with a warning.
 */
#include "run/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"

enum {
    MAX_REQUEST = 4 * 1024 * 1024,
};

struct gs_control {
    struct gs_loop *loop;
    struct gs_run *run;
    struct gs_watch *watch;
    char *dir;
    int fd;
};

static void obey(struct gs_control *c, const cJSON *request)
{
    const cJSON *kill = gs_json_get(request, "kill");
    if (cJSON_IsTrue(gs_json_get(request, "kill_all")))
        gs_run_kill_all(c->run, NULL);
    for (const cJSON *id = cJSON_IsArray(kill) ? kill->child : NULL; id;
         id = id->next)
        if (cJSON_IsString(id))
            gs_run_kill(c->run, id->valuestring, NULL);
}

static void serve_file(struct gs_control *c, const char *name)
{
    struct gs_error err = {0};
    size_t len;
    gs_auto_free char *path = gs_format("%s/%s", c->dir, name);
    gs_auto_free char *text = gs_file_read(path, MAX_REQUEST, &len, &err);
    gs_auto_json cJSON *json = text ? gs_json_parse(text, len, &err) : NULL;
    unlink(path);
    if (cJSON_IsObject(json))
        obey(c, json);
    else
        gs_warn("%s is not a request: %s", path, err.text);
}

static void serve_folder(struct gs_control *c)
{
    gs_auto_dir DIR *dir = opendir(c->dir);
    for (struct dirent *d; dir && (d = readdir(dir));)
        if (d->d_name[0] != '.')
            serve_file(c, d->d_name);
}

static void on_change(void *arg, int fd)
{
    char events[4096];
    struct gs_control *c = arg;
    while (read(fd, events, sizeof events) > 0)
        ;
    serve_folder(c);
}

struct gs_control *gs_control_open(struct gs_loop *loop, struct gs_run *run,
                                   const char *run_dir)
{
    struct gs_error err = {0};
    struct gs_control *c = gs_calloc(1, sizeof *c);
    c->loop = loop;
    c->run = run;
    c->dir = gs_format("%s/control", run_dir);
    c->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (gs_dir_make(c->dir, &err) < 0 || c->fd < 0 ||
        inotify_add_watch(c->fd, c->dir, IN_MOVED_TO) < 0) {
        gs_warn("`genosched cancel` will not reach this run: cannot watch "
                "%s: %s",
                c->dir, strerror(errno));
        return c;
    }
    c->watch = gs_loop_watch(loop, c->fd, on_change, c);
    serve_folder(c);
    return c;
}

void gs_control_close(struct gs_control *c)
{
    if (!c)
        return;
    gs_loop_unwatch(c->loop, c->watch);
    if (c->fd >= 0)
        close(c->fd);
    free(c->dir);
    free(c);
}
