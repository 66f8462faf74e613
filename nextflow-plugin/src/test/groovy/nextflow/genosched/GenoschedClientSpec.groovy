package nextflow.genosched

import nextflow.exception.AbortOperationException
import spock.lang.Specification
import spock.lang.Timeout
import spock.util.concurrent.PollingConditions

@Timeout(60)
class GenoschedClientSpec extends Specification {

    static class Ear implements GenoschedListener {
        final List<GenoschedStatus> heard = Collections.synchronizedList([])
        volatile String refused

        void onStatus(GenoschedStatus status) { heard.add(status) }

        void onRefused(String reason) { refused = reason }

        boolean isDone() { heard.any { it.final } }
    }

    def soon = new PollingConditions(timeout: 30)

    private static GenoschedClient client(FakeGenosched fake, Runnable onNews = {}) {
        return new GenoschedClient({ fake.process() }, [protocol: 1, run: [id: 'run-1']], onNews)
    }

    def 'should greet, submit, hear of the end and shut down'() {
        given:
        def fake = new FakeGenosched('ok')
        int rings = 0
        def client = client(fake, { rings++ })
        def ear = new Ear()
        when:
        client.open()
        client.submit([id: 't1'], ear)
        then:
        soon.eventually { assert ear.done }
        client.pool == [cpus: 2, memory_bytes: 1000]
        client.backend == 'local'
        rings > 0
        when:
        client.close('cancel', 10_000)
        then:
        fake.requests('shutdown').size() == 1
        fake.requests('shutdown')[0].contains('"mode":"cancel"')
        fake.lives == 1
    }

    def 'should send tasks that come together in one message'() {
        given:
        def fake = new FakeGenosched('ok')
        def client = client(fake)
        def ears = (1..100).collect { new Ear() }
        client.open()
        when:
        ears.eachWithIndex { ear, i -> client.submit([id: "t$i".toString()], ear) }
        then:
        soon.eventually { assert ears.every { it.done } }
        fake.requests('submit').size() < 20
        cleanup:
        client.close('cancel', 10_000)
    }

    def 'should name both versions when they do not fit'() {
        when:
        client(new FakeGenosched('other-version')).open()
        then:
        def e = thrown(AbortOperationException)
        e.message.contains('0.9.3')
        e.message.contains("nf-genosched $GenoschedPlugin.VERSION")
        e.message.contains('genosched.binary')
    }

    def 'should say what a genosched said that dies at the start'() {
        when:
        client(new FakeGenosched('dies-at-once')).open()
        then:
        def e = thrown(AbortOperationException)
        e.message.contains('exit status 5')
        e.message.contains('fake: no state folder')
    }

    def 'should name the place of a configuration error'() {
        when:
        client(new FakeGenosched('bad-config')).open()
        then:
        def e = thrown(AbortOperationException)
        e.message.contains('/etc/g.yaml:3:5')
        e.message.contains('unknown key memroy')
    }

    def 'should start genosched again and send once more what got no reply'() {
        given:
        def fake = new FakeGenosched('dies-on-submit')
        def client = client(fake)
        def ear = new Ear()
        when:
        client.open()
        client.submit([id: 't1'], ear)
        then:
        soon.eventually { assert ear.done }
        fake.lives == 2
        with(fake.requests('initialize')) {
            size() == 2
            it.every { line -> line.contains('"id":"run-1"') }
            it[1].contains('"resume":true')
        }
        and: 'the same id both times, and a poll that begins at the beginning'
        fake.requests('submit').every { it.contains('"id":"t1"') }
        fake.requests('poll').find { it.startsWith('2 ') }.contains('"after":0')
        cleanup:
        client.close('cancel', 10_000)
    }

    def 'should submit again what genosched has forgotten'() {
        given:
        def fake = new FakeGenosched('forgets')
        def client = client(fake)
        def ear = new Ear()
        when:
        client.open()
        client.submit([id: 't1'], ear)
        then:
        soon.eventually { assert ear.done }
        fake.lives == 2
        fake.requests('submit').size() == 2
        cleanup:
        client.close('cancel', 10_000)
    }

    def 'should refuse what genosched rejects, with its reason'() {
        given:
        def client = client(new FakeGenosched('rejects'))
        def ear = new Ear()
        when:
        client.open()
        client.submit([id: 't1'], ear)
        then:
        soon.eventually { assert ear.refused == 'needs 9 GiB, there are 4 GiB' }
        ear.heard.isEmpty()
        cleanup:
        client.close('cancel', 10_000)
    }

    def 'should not let one bad task take the others with it'() {
        given:
        def client = client(new FakeGenosched('chokes'))
        def good = new Ear()
        def bad = new Ear()
        when:
        client.open()
        client.submit([id: 'poison'], bad)
        client.submit([id: 't1'], good)
        then:
        soon.eventually {
            assert good.done
            assert bad.refused == 'bad task'
        }
        cleanup:
        client.close('cancel', 10_000)
    }

    def 'should give up in the end and tell every task'() {
        given:
        def fake = new FakeGenosched('always-dies')
        def client = client(fake)
        def ear = new Ear()
        client.backOffMillis = 1
        when:
        client.open()
        client.submit([id: 't1'], ear)
        then:
        soon.eventually { assert ear.refused != null }
        ear.refused.contains('-resume')
        fake.lives > 3
        when: 'and those that come later at once'
        def late = new Ear()
        client.submit([id: 't2'], late)
        then:
        late.refused == ear.refused
        cleanup:
        client.close('cancel', 1000)
    }
}
