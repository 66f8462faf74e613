/*
 * error: how a failure travels.
 *
 * A function that can fail takes `struct gs_error *err` last (NULL is fine)
 * and returns -1 or NULL; on success *err is untouched, on failure nothing
 * else has changed. The text has four parts where a person will read it:
 * what, which, why, what to do.
 */
#ifndef GS_BASE_ERROR_H
#define GS_BASE_ERROR_H

enum gs_error_code {
    GS_OK = 0,
    GS_ERR_SYSTEM,   /* the operating system said no */
    GS_ERR_INVALID,  /* bad input: names the field in `path` */
    GS_ERR_LIMIT,    /* larger, deeper or longer than allowed */
    GS_ERR_CONFIG,   /* configuration: line and column are set if known */
    GS_ERR_STATE,    /* the state store */
    GS_ERR_LOCKED,   /* held by another live process */
    GS_ERR_BACKEND,  /* backend or credentials */
    GS_ERR_NOTFOUND, /* asked for something that is not there */
    GS_ERR_FULL,     /* the disk is full */
    GS_ERR_BUSY,     /* no room now; try again after the next change */
    GS_ERR_INTERNAL, /* a bug of ours */
};

struct gs_error {
    enum gs_error_code code;
    char path[128]; /* the field, option or file that is wrong; may be "" */
    int line;       /* 1-based, 0 if unknown */
    int column;     /* 1-based, 0 if unknown */
    char text[1024];
};

/* Fill *err (may be NULL); returns -1 so that it can be returned. */
int gs_fail(struct gs_error *err, enum gs_error_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As gs_fail, and names the field at fault. */
int gs_fail_at(struct gs_error *err, enum gs_error_code code, const char *path,
               const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* As gs_fail with ": strerror(errno)" behind the text; ENOSPC and EDQUOT
 * become GS_ERR_FULL. */
int gs_fail_errno(struct gs_error *err, enum gs_error_code code,
                  const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Put context before the text that is there; returns -1. */
int gs_wrap(struct gs_error *err, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
