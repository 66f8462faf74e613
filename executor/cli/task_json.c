/*
 * task_json: see the header. Names are those of the protocol; what is not
 * known is null.
 */
#include "cli/task_json.h"

#include "base/json.h"
#include "cli/format.h"

static void add_memory(cJSON *out, int64_t requested, int64_t predicted,
                       int64_t limit, int64_t peak)
{
    cJSON *memory = cJSON_AddObjectToObject(out, "memory");
    gs_json_add_known(memory, "requested_bytes", requested);
    gs_json_add_known(memory, "predicted_bytes", predicted);
    gs_json_add_known(memory, "limit_bytes", limit);
    gs_json_add_known(memory, "peak_bytes", peak);
}

cJSON *gs_row_json(const struct gs_row *row)
{
    cJSON *out = cJSON_CreateObject();
    gs_json_add_text(out, "id", row->id);
    gs_json_add_text(out, "process", row->process);
    gs_json_add_text(out, "name", row->name);
    gs_json_add_text(out, "chromosome", row->chromosome);
    gs_json_add_text(out, "state", row->state);
    gs_json_add_text(out, "reason", row->reason);
    gs_json_add_text(out, "message", row->message);
    gs_json_add_text(out, "waiting", row->waiting);
    gs_json_add_text(out, "adopted", row->adopted);
    gs_json_add_known(out, "attempts", row->attempts);
    gs_json_add_known(out, "exit_code", row->exit_code);
    cJSON_AddNumberToObject(out, "cpus", row->cpus);
    add_memory(out, row->requested_bytes, row->predicted_bytes,
               row->limit_bytes, row->peak_bytes);
    gs_json_add_known(out, "cpu_ms", row->cpu_ms);
    gs_json_add_known(out, "wall_ms", row->wall_ms);
    gs_json_add_text(out, "node", row->node);
    gs_json_add_known(out, "submitted", row->submitted_ms);
    gs_json_add_known(out, "started", row->started_ms);
    gs_json_add_known(out, "ended", row->ended_ms);
    return out;
}

cJSON *gs_attempt_json(const struct gs_attempt_row *row)
{
    cJSON *out = cJSON_CreateObject();
    gs_json_add_int(out, "n", row->n);
    gs_json_add_text(out, "state", row->state);
    gs_json_add_text(out, "reason", row->reason);
    gs_json_add_text(out, "message", row->message);
    gs_json_add_text(out, "why", row->why);
    gs_json_add_text(out, "node", row->node);
    gs_json_add_text(out, "backend_id", row->backend_id);
    gs_json_add_known(out, "exit_code", row->exit_code);
    gs_json_add_known(out, "signal", row->signal);
    add_memory(out, row->requested_bytes, row->predicted_bytes,
               row->limit_bytes, row->peak_bytes);
    gs_json_add_known(out, "max_rss_bytes", row->max_rss_bytes);
    cJSON_AddNumberToObject(out, "cpus", row->cpus);
    gs_json_add_known(out, "cpu_ms", row->cpu_ms);
    gs_json_add_known(out, "wall_ms", row->wall_ms);
    gs_json_add_known(out, "read_bytes", row->read_bytes);
    gs_json_add_known(out, "write_bytes", row->write_bytes);
    gs_json_add_known(out, "started", row->started_ms);
    gs_json_add_known(out, "ended", row->ended_ms);
    return out;
}
