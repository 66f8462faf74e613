package nextflow.genosched

import nextflow.Session
import nextflow.util.Duration
import spock.lang.Specification
import spock.lang.Timeout
import spock.lang.Unroll

@Timeout(30)
class GenoschedTaskMonitorSpec extends Specification {

    private GenoschedTaskMonitor monitor(Map config = [:]) {
        def session = Stub(Session) { getConfig() >> config }
        return GenoschedTaskMonitor.create(session, new GenoschedExecutor(name: 'genosched', session: session))
    }

    @Unroll
    def 'should take capacity #capacity and interval #interval from #executor'() {
        given:
        def monitor = monitor(executor == null ? [:] : [executor: executor])
        expect:
        monitor.capacity == capacity
        monitor.pollIntervalMillis == interval
        where:
        executor                                           | capacity | interval
        null                                               | 0        | 100
        'genosched'                                        | 0        | 100
        [queueSize: 5]                                     | 5        | 100
        [queueSize: 5, $genosched: [queueSize: 7]]         | 7        | 100
        [$local: [queueSize: 7], pollInterval: '2 s']      | 0        | 2000
        [$genosched: [pollInterval: Duration.of('300ms')]] | 0        | 300
    }

    def 'should not lose a signal that comes while nobody waits'() {
        given:
        def monitor = monitor([executor: [pollInterval: '20 s']])
        when:
        monitor.signal()
        def start = System.currentTimeMillis()
        monitor.await(start)
        then:
        System.currentTimeMillis() - start < 5000
    }

    def 'should wake at once when it is signalled'() {
        given:
        def monitor = monitor([executor: [pollInterval: '20 s']])
        Thread.start { sleep 200; monitor.signal() }
        when:
        def start = System.currentTimeMillis()
        monitor.await(start)
        then:
        System.currentTimeMillis() - start < 5000
    }

    def 'should wait no longer than the interval'() {
        given:
        def monitor = monitor()
        when:
        def start = System.currentTimeMillis()
        monitor.await(start)
        then:
        System.currentTimeMillis() - start >= 95
    }
}
