/*
 * control: inotify on the folder; a file is read and obeyed, and removed when
 * that is durable: obeying twice is harmless, not at all is not. A file that
 * is not such a request is removed with a warning.
 */
#include "run/control.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
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
    MAX_OBEYED = 64, /* in one round; the rest in the next */
};

struct gs_control {
    struct gs_loop *loop;
    struct gs_run *run;
    struct gs_watch *watch;
    struct gs_timer *more;
    char *dir;
    char *obeyed[MAX_OBEYED]; /* paths, to be removed after the commit */
    int n_obeyed;
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
    if (cJSON_IsObject(json)) {
        obey(c, json);
        c->obeyed[c->n_obeyed++] = gs_strdup(path);
    } else {
        unlink(path);
        gs_warn("%s is not a request: %s", path, err.text);
    }
}

static void on_more(void *arg);

static void serve_folder(struct gs_control *c)
{
    gs_auto_dir DIR *dir = opendir(c->dir);
    for (struct dirent *d; dir && (d = readdir(dir));) {
        if (d->d_name[0] == '.')
            continue;
        if (c->n_obeyed == MAX_OBEYED) {
            if (!c->more)
                c->more = gs_loop_timer(c->loop, 0, on_more, c);
            return;
        }
        serve_file(c, d->d_name);
    }
}

static void on_more(void *arg)
{
    struct gs_control *c = arg;
    c->more = NULL;
    serve_folder(c);
}

static void forget_obeyed(struct gs_control *c, bool gone)
{
    for (int i = 0; i < c->n_obeyed; i++) {
        if (gone)
            unlink(c->obeyed[i]);
        free(c->obeyed[i]);
    }
    c->n_obeyed = 0;
}

void gs_control_committed(struct gs_control *c)
{
    if (c)
        forget_obeyed(c, true);
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
    gs_loop_cancel(c->loop, c->more);
    forget_obeyed(c, false);
    if (c->fd >= 0)
        close(c->fd);
    free(c->dir);
    free(c);
}
