package nextflow.genosched

import nextflow.exception.ProcessException
import nextflow.exception.ProcessRetryableException
import nextflow.exception.ProcessUnrecoverableException
import nextflow.processor.TaskBean
import nextflow.processor.TaskRun
import nextflow.processor.TaskStatus
import nextflow.util.MemoryUnit
import spock.lang.TempDir
import spock.lang.Unroll

import java.nio.file.Files
import java.nio.file.Path

class GenoschedTaskHandlerSpec extends TaskFixture {

    @TempDir
    Path dir

    GenoschedRepeats repeats = new GenoschedRepeats()
    List<Map> submitted = []
    List<String> killed = []
    boolean inCache = false

    private GenoschedTaskHandler handler(TaskRun task) {
        int n = 0
        def client = Stub(GenoschedClient) {
            submit(_, _) >> { Map message, listener -> submitted << message }
            kill(_) >> { String id -> killed << id }
        }
        def executor = Stub(GenoschedExecutor) {
            getOptions() >> new GenoschedConfig([:])
            getClient() >> client
            getTranslator() >> new GenoschedTask([:], true, false)
            getRepeats() >> repeats
            getFingerprints() >> new GenoschedFingerprint()
            newId(_) >> { "id-${++n}".toString() }
            isKnownToCache(_, _) >> { inCache }
        }
        return new GenoschedTaskHandler(task, executor)
    }

    private static GenoschedStatus status(Map fields) {
        return new GenoschedStatus([id: 'id-1', sequence: 5, attempts: []] + fields)
    }

    /** Submits, tells the handler and lets it look, as the monitor would. */
    private GenoschedTaskHandler after(TaskRun task, Map fields) {
        def handler = handler(task)
        handler.submit()
        handler.onStatus(status(fields))
        handler.checkIfRunning()
        handler.checkIfCompleted()
        return handler
    }

    def 'should go through the states as genosched does'() {
        given:
        def task = aTask([:], [dir: dir])
        def handler = handler(task)
        dir.resolve('.command.out').text = 'result'
        when:
        handler.submit()
        then:
        handler.submitted
        submitted*.id == ['id-1']
        submitted[0].fingerprint
        !handler.hasNews()
        when:
        handler.onStatus(status(state: 'pending', sequence: 1))
        then:
        handler.hasNews()
        handler.isWaiting()
        !handler.checkIfRunning()
        !handler.hasNews()
        when:
        handler.onStatus(status(state: 'running', sequence: 2, started: 4_000_000_000_000))
        then:
        handler.checkIfRunning()
        handler.startTimeMillis == 4_000_000_000_000
        !handler.isWaiting()
        !handler.checkIfCompleted()
        when: 'and an older status, of a poll that was repeated, changes nothing'
        handler.onStatus(status(state: 'succeeded', exit_code: 0, sequence: 3, ended: 4_000_000_000_500))
        handler.onStatus(status(state: 'running', sequence: 2))
        then:
        handler.checkIfCompleted()
        task.exitStatus == 0
        task.error == null
        task.stdout == 'result'
        handler.completeTimeMillis == 4_000_000_000_500
    }

    def 'should leave a plain failure to Nextflow, with the end of the log'() {
        given:
        dir.resolve('.command.log').text = (1..80).collect { "line $it" }.join('\n')
        def task = aTask([:], [dir: dir])
        when:
        def handler = after(task, [state: 'failed', reason: 'exit', exit_code: 3])
        then:
        handler.completed
        task.exitStatus == 3
        task.error == null
        task.stderr.readLines().size() == 50
        task.stderr.endsWith('line 80')
    }

    def 'should have a task that ran out of memory run again with what was advised'() {
        given:
        def task = aTask([memory: '1 GB'], [dir: dir])
        when:
        after(task, [state: 'failed', reason: 'oom', exit_code: 1, message: 'Out of memory at 1 GiB.',
                     retry: [reason: 'oom', memory_bytes: 2_000_000_000]])
        then:
        task.error instanceof ProcessRetryableException
        task.error.message == 'Process `PHASE (chr7)` failed: Out of memory at 1 GiB.'
        task.exitStatus == 137
        when: 'Nextflow makes a new task of it'
        def repeated = aTask([memory: '1 GB'], [dir: dir])
        def bean = new TaskBean(workDir: dir, script: 'echo hello', containerMemory: MemoryUnit.of('1 GB'),
                inputFiles: [:], outputFiles: [], environment: [:], shell: ['bash'])
        repeated.toTaskBean() >> bean
        def next = handler(repeated)
        next.prepareLauncher()
        next.submit()
        then:
        bean.containerMemory == new MemoryUnit(2_000_000_000)
        dir.resolve('.command.run').exists()
        submitted.last().retry_of == 'id-1'
        submitted.last().memory_bytes == 2_000_000_000
        submitted.last().attempt == 1
        and: 'only the next one'
        repeats.take(GenoschedRepeats.placeOf(task)) == null
    }

    def 'should fail plainly with 137 when the budget is used up'() {
        given:
        def task = aTask([:], [dir: dir])
        task.failCount = 3
        repeats.advise(GenoschedRepeats.placeOf(task), new GenoschedRepeats.Advice('x', 1L), false)
        repeats.advise(GenoschedRepeats.placeOf(task), new GenoschedRepeats.Advice('x', 1L), false)
        when:
        after(task, [state: 'failed', reason: 'oom', exit_code: 0, message: 'No more memory to give.'])
        then:
        task.exitStatus == 137
        task.error instanceof ProcessException
        !(task.error instanceof ProcessRetryableException)
        task.error.message == 'Process `PHASE (chr7)` failed: No more memory to give.'
        dir.resolve('.exitcode').text == '137'
        and: "the pipeline's own retries are not used up by ours"
        task.failCount == 1
    }

    def 'should end repeats even if genosched never did'() {
        given:
        def task = aTask([:], [dir: dir])
        GenoschedRepeats.MOST.times {
            repeats.advise(GenoschedRepeats.placeOf(task), new GenoschedRepeats.Advice('x', 1L), false)
        }
        when:
        after(task, [state: 'failed', reason: 'oom', retry: [reason: 'oom', memory_bytes: 5]])
        then:
        !(task.error instanceof ProcessRetryableException)
    }

    def 'should repeat a lost task a few times, then say that it is lost'() {
        given:
        def results = (1..4).collect {
            def task = aTask([:], [dir: dir])
            after(task, [state: 'lost', reason: 'infrastructure', message: 'The machine is gone.'])
            task
        }
        expect:
        results[0..2].every { it.error instanceof ProcessRetryableException }
        !(results[3].error instanceof ProcessRetryableException)
        results[3].error.message.endsWith('The machine is gone.')
        results[3].exitStatus == Integer.MAX_VALUE
    }

    @Unroll
    def 'should report #reason with exit code #exit'() {
        given:
        def task = aTask([:], [dir: dir])
        when:
        after(task, [state: state, reason: reason, exit_code: code, signal: signal, message: message])
        then:
        task.exitStatus == exit
        task.error.message.contains(words)
        where:
        state       | reason      | code | signal | message          | exit              | words
        'failed'    | 'timeout'   | 143  | null   | 'Over 2 min.'    | 143               | 'Over 2 min.'
        'failed'    | 'timeout'   | null | 9      | 'Over 2 min.'    | 137               | 'Over 2 min.'
        'failed'    | 'signal'    | null | 11     | 'Signal 11.'     | 139               | 'Signal 11.'
        'cancelled' | 'cancelled' | null | null   | null             | Integer.MAX_VALUE | 'was stopped'
        'failed'    | 'infrastructure' | null | null | 'No shim.'    | Integer.MAX_VALUE | 'No shim.'
    }

    def 'should fail for good with the reason for which it was refused'() {
        given:
        def task = aTask([:], [dir: dir])
        def handler = handler(task)
        handler.submit()
        when:
        handler.onRefused('needs 9 GiB, there are 4 GiB')
        then:
        handler.hasNews()
        handler.checkIfRunning()
        handler.checkIfCompleted()
        task.error instanceof ProcessUnrecoverableException
        task.error.message == 'Process `PHASE (chr7)` cannot run: needs 9 GiB, there are 4 GiB'
    }

    def 'should take over a task of an earlier launch that Nextflow lost sight of'() {
        given:
        def old = Files.createDirectories(dir.resolve('01/234567'))
        old.resolve('.command.out').text = 'old result'
        def task = aTask([:], [dir: dir])
        when:
        after(task, [state: 'succeeded', exit_code: 0, adopted: true, workdir: old.toString()])
        then:
        task.workDir == old
        task.stdout == 'old result'
        task.exitStatus == 0
        submitted.size() == 1
    }

    @Unroll
    def 'should make a result anew that #why'() {
        given:
        def task = aTask([:], [dir: dir])
        inCache = cached
        when:
        def handler = after(task, [state: 'succeeded', exit_code: 0, adopted: true, workdir: folder.replace('DIR', dir.toString())])
        then:
        task.workDir == dir
        handler.submitted
        submitted*.id == ['id-1', 'id-2']
        submitted[0].fingerprint
        !submitted[1].fingerprint
        where:
        why                           | cached | folder
        'Nextflow has refused before' | true   | 'DIR'
        'is no longer there'          | false  | 'DIR/gone'
    }

    def 'should not want an older result for a try that Nextflow repeats'() {
        when:
        handler(aTask([attempt: 2], [dir: dir])).submit()
        then:
        !submitted[0].containsKey('fingerprint')
    }

    def 'should stop its task once'() {
        given:
        def handler = handler(aTask([:], [dir: dir]))
        handler.submit()
        when:
        handler.kill()
        handler.kill()
        then:
        killed == ['id-1']
        handler.status == TaskStatus.SUBMITTED
    }
}
