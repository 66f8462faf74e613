/*
 * Puts what was measured into Nextflow's trace record: the usual fields where
 * genosched knows better (or Nextflow's own sampler has nothing), and columns
 * of its own for what Nextflow has no field for. `memory` stays the request.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.trace.TraceRecord

@Slf4j
@CompileStatic
class GenoschedTrace {

    /** Own columns and their formats; shown when `trace.fields` names them. */
    static final Map<String,String> FIELDS = Collections.unmodifiableMap([
            genosched_id       : 'str',
            genosched_request  : 'mem',
            genosched_predicted: 'mem',
            genosched_limit    : 'mem',
            genosched_peak     : 'mem',
            genosched_reason   : 'str',
            genosched_attempts : 'num'
    ])

    /** Must run before trace observers are made. */
    static void registerFields() {
        try {
            for( Map.Entry<String,String> it : FIELDS.entrySet() )
                TraceRecord.FIELDS.putIfAbsent(it.key, it.value)
        }
        catch( UnsupportedOperationException e ) {
            log.debug 'This Nextflow takes no further trace fields', e
        }
    }

    static void fill(TraceRecord record, GenoschedStatus status) {
        final attempt = status.lastAttempt
        put(record, 'native_id', attempt.get('backend_id'))
        put(record, 'hostname', attempt.get('node'))
        putOwn(record, status)
        if( !status.isFinal() )
            return
        final wall = status.measured('wall_ms')
        final cpu = status.measured('cpu_ms')
        put(record, 'peak_rss', status.memory('peak_bytes'))
        put(record, 'read_bytes', status.measured('read_bytes'))
        put(record, 'write_bytes', status.measured('write_bytes'))
        if( cpu != null && wall )
            put(record, '%cpu', cpu * 100d / wall)
        putIfEmpty(record, 'realtime', wall)
        putIfEmpty(record, 'rss', status.measured('max_rss_bytes') ?: status.memory('peak_bytes'))
        putIfEmpty(record, 'rchar', status.measured('rchar'))
        putIfEmpty(record, 'wchar', status.measured('wchar'))
    }

    private static void putOwn(TraceRecord record, GenoschedStatus status) {
        if( !TraceRecord.FIELDS.containsKey('genosched_id') )
            return
        put(record, 'genosched_id', status.id)
        put(record, 'genosched_request', status.memory('requested_bytes'))
        put(record, 'genosched_predicted', status.memory('predicted_bytes'))
        put(record, 'genosched_limit', status.memory('limit_bytes'))
        put(record, 'genosched_peak', status.memory('peak_bytes'))
        put(record, 'genosched_reason', status.reason)
        put(record, 'genosched_attempts', status.attempts.size())
    }

    private static void put(TraceRecord record, String field, Object value) {
        if( value != null )
            record.put(field, value)
    }

    private static void putIfEmpty(TraceRecord record, String field, Long value) {
        final known = record.get(field)
        if( value != null && (known == null || known.toString() in ['', '0', '0.0']) )
            record.put(field, value)
    }
}
