package nextflow.genosched

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import spock.lang.Specification
import spock.lang.TempDir
import spock.lang.Timeout
import spock.lang.Unroll

import java.nio.file.Path

/**
 * The conformance transcripts, which are played against the real program
 * elsewhere, seen from the client: every reply that genosched may give must
 * reach the caller as what it is.
 */
@Timeout(120)
class GenoschedTranscriptSpec extends Specification {

    static final File FOLDER = new File('../test/conformance')
    static final Set<String> STATES = ['pending', 'dispatched', 'running', 'succeeded', 'failed', 'cancelled', 'lost']

    @TempDir
    Path dir

    static List<File> transcripts() {
        def files = FOLDER.listFiles()?.findAll { it.name.endsWith('.jsonl') }?.sort()
        if( !files )
            throw new IllegalStateException("No transcripts in ${FOLDER.canonicalPath}: build the plugin from a whole checkout")
        return files
    }

    /** The requests of a transcript that a client could have sent, each with its reply. */
    private static List<List<Map>> exchanges(File file) {
        def requests = [:]
        def result = []
        file.eachLine { line ->
            if( line.startsWith('> ') ) {
                def request = (Map) new JsonSlurper().parseText(line.substring(2))
                requests[request.id] = request
            }
            else if( line.startsWith('< ') ) {
                def reply = (Map) new JsonSlurper().parseText(line.substring(2))
                def request = requests[reply.id]
                if( request?.params instanceof Map )
                    result << [request, (Map) example(reply)]
            }
        }
        return result
    }

    /** A value that the pattern matches. */
    private static Object example(Object pattern) {
        if( pattern instanceof Map )
            return pattern.collectEntries { key, value -> [key, example(value)] }
        if( pattern instanceof List )
            return pattern.collect { example(it) }
        if( pattern !instanceof String )
            return pattern
        switch( pattern ) {
            case '<int>': return 7
            case '<any>': return 1
            case '<text>': return 'text'
            default: return pattern.replaceAll(/<has:(.*)>/, 'it says $1 here').replace('${WORK}', '/w').replace('${RUN}', 'run')
        }
    }

    @Unroll
    def 'should understand every reply of #file.name'() {
        given:
        def pairs = exchanges(file)
        def replies = dir.resolve('replies')
        replies.text = pairs.collect { JsonOutput.toJson(it[1] + [id: '@ID@']).replace('"@ID@"', '@ID@') + '\n' }.join()
        def script = new File(GenoschedTranscriptSpec.getResource('/fake_transcript').toURI()).path
        def child = new GenoschedProcess(['bash', script, replies.toString()])
        child.start()

        expect:
        !pairs.isEmpty()
        pairs.every { pair -> matches(child, pair[0], pair[1]) }

        cleanup:
        child.close(2000)

        where:
        file << transcripts()
    }

    private static boolean matches(GenoschedProcess child, Map request, Map reply) {
        try {
            def result = child.call(request.method as String, request.params as Map, 30_000)
            assert result == reply.result
            for( Map fields : (result.tasks instanceof List ? (List) result.tasks : []) )
                check(fields)
        }
        catch( GenoschedException e ) {
            assert reply.error != null
            assert e.code == reply.error.code
            assert reply.error.message == null || e.message == reply.error.message
            assert e.data == (reply.error.data ?: [:])
        }
        return true
    }

    private static void check(Map fields) {
        def status = new GenoschedStatus(fields)
        assert status.id == fields.id
        assert fields.state == null || status.state in STATES
        assert status.final == (status.state in ['succeeded', 'failed', 'cancelled', 'lost'])
        assert status.exitCode == fields.exit_code
        assert status.message == fields.message
        assert status.adopted == (fields.adopted == true)
        assert !status.adopted || status.workdir
        assert (status.retry == null) == (fields.retry == null)
        assert status.retryMemoryBytes == fields.retry?.memory_bytes
        if( fields.attempts )
            assert status.memory('limit_bytes') == fields.attempts[-1].memory?.limit_bytes
    }
}
