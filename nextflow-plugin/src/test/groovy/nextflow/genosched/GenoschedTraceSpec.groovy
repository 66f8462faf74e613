package nextflow.genosched

import nextflow.trace.TraceRecord
import spock.lang.Specification

class GenoschedTraceSpec extends Specification {

    static final Map ATTEMPT = [n: 2, backend_id: '4711', node: 'host1', wall_ms: 2000, cpu_ms: 3000,
                                read_bytes: 10, write_bytes: 20, rchar: 30,
                                memory: [requested_bytes: 100, predicted_bytes: 150, limit_bytes: 200, peak_bytes: 180]]

    def setupSpec() {
        GenoschedTrace.registerFields()
    }

    private static TraceRecord filled(Map fields = [:], Map known = [:]) {
        def record = new TraceRecord()
        known.each { key, value -> record.put(key, value) }
        GenoschedTrace.fill(record, new GenoschedStatus([id: 'a', state: 'succeeded', attempts: [[n: 1], ATTEMPT]] + fields))
        return record
    }

    def 'should fill the usual fields from the last attempt'() {
        expect:
        with(filled([:], [memory: 100])) {
            get('native_id') == '4711'
            get('hostname') == 'host1'
            get('peak_rss') == 180
            get('%cpu') == 150.0d
            get('realtime') == 2000
            get('read_bytes') == 10
            get('rchar') == 30
            get('wchar') == null
            get('write_bytes') == 20
            get('memory') == 100
        }
    }

    def 'should have columns of its own'() {
        expect:
        with(filled(reason: 'exit')) {
            get('genosched_id') == 'a'
            get('genosched_request') == 100
            get('genosched_predicted') == 150
            get('genosched_limit') == 200
            get('genosched_peak') == 180
            get('genosched_attempts') == 2
            getFmtStr('genosched_limit') == '200 B'
        }
    }

    def 'should keep what only Nextflow has measured'() {
        expect:
        with(filled([:], [realtime: 1234, rchar: 99, peak_vmem: 7])) {
            get('realtime') == 1234
            get('rchar') == 99
            get('peak_vmem') == 7
        }
    }

    def 'should invent nothing'() {
        when:
        def record = new TraceRecord()
        GenoschedTrace.fill(record, new GenoschedStatus([id: 'a', state: 'succeeded', attempts: []]))
        then:
        ['native_id', 'peak_rss', '%cpu', 'realtime', 'genosched_limit'].every { record.get(it) == null }
    }
}
