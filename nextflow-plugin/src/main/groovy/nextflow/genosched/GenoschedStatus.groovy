/*
 * The protocol's Status of one task, typed. Read-only; a field that genosched
 * did not send is null, never a guess.
 */
package nextflow.genosched

import groovy.transform.CompileStatic

@CompileStatic
class GenoschedStatus {

    private static final Set<String> FINAL = Set.of('succeeded', 'failed', 'cancelled', 'lost')

    private final Map fields

    GenoschedStatus(Map fields) {
        this.fields = fields
    }

    String getId() { fields.get('id') as String }

    long getSequence() { number(fields, 'sequence') ?: 0L }

    String getState() { fields.get('state') as String }

    String getReason() { fields.get('reason') as String }

    String getMessage() { fields.get('message') as String }

    String getWaiting() { fields.get('waiting') as String }

    String getWorkdir() { fields.get('workdir') as String }

    boolean isAdopted() { fields.get('adopted') == true }

    boolean isFinal() { state != null && state in FINAL }

    boolean isStarted() { state == 'running' || isFinal() }

    Integer getExitCode() { number(fields, 'exit_code')?.intValue() }

    Integer getSignal() { number(fields, 'signal')?.intValue() }

    Long getStartedMillis() { number(fields, 'started') }

    Long getEndedMillis() { number(fields, 'ended') }

    /** What to do better next time; null when it is not worth another try. */
    Map getRetry() { fields.get('retry') instanceof Map ? (Map) fields.get('retry') : null }

    Long getRetryMemoryBytes() { retry == null ? null : number(retry, 'memory_bytes') }

    List<Map> getAttempts() {
        final value = fields.get('attempts')
        return value instanceof List ? (List<Map>) value : Collections.<Map>emptyList()
    }

    Map getLastAttempt() {
        final all = attempts
        return all.isEmpty() ? Collections.emptyMap() : all.get(all.size() - 1)
    }

    /** A number of the last attempt, such as `cpu_ms`. */
    Long measured(String key) { number(lastAttempt, key) }

    /** A figure of the last attempt's memory, such as `peak_bytes`. */
    Long memory(String key) {
        final memory = lastAttempt.get('memory')
        return memory instanceof Map ? number((Map) memory, key) : null
    }

    private static Long number(Map map, String key) {
        final value = map.get(key)
        return value instanceof Number ? (Long) ((Number) value).longValue() : null
    }

    @Override
    String toString() { "Status[$id $state${reason ? ' ' + reason : ''}]" }
}
