package nextflow.genosched

import spock.lang.Specification
import spock.lang.Timeout

import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit

@Timeout(60)
class GenoschedProcessSpec extends Specification {

    def 'should match replies to requests whatever their order'() {
        given:
        def child = new FakeGenosched('backwards').started()
        when:
        def first = child.send('status', [:])
        def second = child.send('status', [:])
        then:
        first.get(20, TimeUnit.SECONDS).which == 'first'
        second.get(20, TimeUnit.SECONDS).which == 'second'
        cleanup:
        child.close(2000)
    }

    def 'should turn an error reply into an exception with its code and data'() {
        given:
        def child = new FakeGenosched('error').started()
        when:
        child.call('status', [:], 20_000)
        then:
        def e = thrown(GenoschedException)
        e.code == -32602
        e.message == 'no such field'
        e.data == [path: 'a.b']
        cleanup:
        child.close(2000)
    }

    def 'should pass over lines that answer nothing'() {
        given:
        def child = new FakeGenosched('garbage').started()
        expect:
        child.call('status', [:], 20_000) == [uptime_ms: 7]
        child.alive
        cleanup:
        child.close(2000)
    }

    def 'should fail what is open when a reply is cut'() {
        given:
        def child = new FakeGenosched('cut').started()
        when:
        child.call('status', [:], 20_000)
        then:
        thrown(GenoschedGoneException)
        !child.alive
        when: 'and everything after that at once'
        child.call('status', [:], 20_000)
        then:
        thrown(GenoschedGoneException)
        cleanup:
        child.close(0)
    }

    def 'should not wait for ever for a reply'() {
        given:
        def child = new FakeGenosched('silent').started()
        when:
        child.call('status', [:], 300)
        then:
        def e = thrown(GenoschedGoneException)
        e.message.contains("not answered 'status'")
        cleanup:
        child.close(2000)
    }

    def 'should keep the last words of a child that dies'() {
        given:
        def child = new FakeGenosched('dies-at-once').started()
        when:
        child.send('initialize', [:]).get(20, TimeUnit.SECONDS)
        then:
        def e = thrown(ExecutionException)
        e.cause instanceof GenoschedGoneException
        child.lastWords() == 'fake: no state folder'
        child.exitStatus() == 5
    }

    def 'should say so if the program cannot be started'() {
        when:
        new GenoschedProcess(['/no/such/genosched', 'serve']).start()
        then:
        thrown(IOException)
    }

    def 'should kill a child that does not end at the end of its input'() {
        given:
        def child = new GenoschedProcess(['bash', '-c', 'exec 0</dev/null; sleep 60'])
        child.start()
        when:
        child.close(200)
        then:
        !child.alive
    }

    def 'should bury a child that hangs without telling it that Nextflow is dead'() {
        given:
        def mark = File.createTempFile('end-of-input', '')
        mark.delete()
        def child = new GenoschedProcess(['bash', '-c', "trap '' TERM; read -r line; touch $mark; sleep 60".toString()])
        child.start()
        when:
        child.bury()
        then:
        !child.alive
        !mark.exists()
    }
}
