/*
 * task_json: a task of the store as the JSON of `tasks` and `explain`.
 */
#ifndef GS_CLI_TASK_JSON_H
#define GS_CLI_TASK_JSON_H

#include <cjson/cJSON.h>

#include "report/view.h"

cJSON *gs_row_json(const struct gs_row *row);
cJSON *gs_attempt_json(const struct gs_attempt_row *row);

#endif
