/*
 * log: what is said to people, on stderr and in the run's log file.
 *
 * Levels by consequence: error, something that was asked for did not happen;
 * warning, it goes on but worse; info, what a run's reader wants to know;
 * debug, the rest. Never holds the value of a task's environment.
 */
#ifndef GS_BASE_LOG_H
#define GS_BASE_LOG_H

enum gs_log_level {
    GS_LOG_ERROR,
    GS_LOG_WARNING,
    GS_LOG_INFO,
    GS_LOG_DEBUG,
};

/* The file takes everything up to `level`, stderr up to warning unless
 * `level` is debug. */
void gs_log_set_level(enum gs_log_level level);

/* Appends to `path` (0600) from now on; NULL closes. Returns 0 or -1, errno
 * set; logging to stderr goes on either way. */
int gs_log_open(const char *path);

void gs_log(enum gs_log_level level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#define gs_error_log(...) gs_log(GS_LOG_ERROR, __VA_ARGS__)
#define gs_warn(...) gs_log(GS_LOG_WARNING, __VA_ARGS__)
#define gs_info(...) gs_log(GS_LOG_INFO, __VA_ARGS__)
#define gs_debug(...) gs_log(GS_LOG_DEBUG, __VA_ARGS__)

#endif
