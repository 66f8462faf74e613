/*
 * One try of one task: writes Nextflow's wrapper, submits it, and turns the
 * task's Status into what Nextflow wants to know. Out of memory and tasks
 * whose fate is unknown are handed back to Nextflow for a fresh work
 * directory, with the attempt number unchanged, while genosched's budget
 * lasts; after that they fail plainly.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.exception.ProcessException
import nextflow.exception.ProcessUnrecoverableException
import nextflow.executor.BashWrapperBuilder
import nextflow.processor.TaskArrayRun
import nextflow.processor.TaskHandler
import nextflow.processor.TaskRun
import nextflow.processor.TaskStatus
import nextflow.trace.TraceRecord
import nextflow.util.MemoryUnit

import java.nio.file.FileSystems
import java.nio.file.Files
import java.nio.file.Path

@Slf4j
@CompileStatic
class GenoschedTaskHandler extends TaskHandler implements GenoschedListener {

    private static final int OOM_EXIT = 137
    private static final int LOG_TAIL_LINES = 50
    private static final int LOG_TAIL_BYTES = 64 * 1024

    private final GenoschedExecutor executor
    private final String place
    private String id
    private boolean adoptable = true
    /** What an earlier try taught, if this one repeats it. */
    private GenoschedRepeats.Advice advice
    /** The newest of what genosched said, and whether the monitor has yet to see it. */
    private volatile GenoschedStatus last
    private volatile String refusal
    private volatile boolean news

    GenoschedTaskHandler(TaskRun task, GenoschedExecutor executor) {
        super(task)
        this.executor = executor
        this.place = GenoschedRepeats.placeOf(task)
        if( task.workDir.fileSystem != FileSystems.default )
            throw new ProcessUnrecoverableException("The executor 'genosched' needs a work directory on a file system" +
                    " of this machine, but task '${task.lazyName()}' has ${task.workDir.toUri()}." +
                    " Set workDir (or -work-dir) to a local or shared folder.")
    }

    String getId() { id }

    boolean hasNews() { news }

    /** Submitted, and not started as far as is known. */
    boolean isWaiting() { isSubmitted() && refusal == null && (last == null || last.state == 'pending') }

    // -- from genosched

    @Override
    void onStatus(GenoschedStatus status) {
        if( last != null && status.sequence < last.sequence )
            return
        last = status
        news = true
    }

    @Override
    void onRefused(String reason) {
        refusal = reason
        news = true
    }

    // -- from Nextflow

    @Override
    void prepareLauncher() {
        if( task instanceof TaskArrayRun )
            return
        advice = executor.repeats.take(place)
        final bean = task.toTaskBean()
        // A container engine has a limit of its own, which must not be below ours.
        if( advice?.memoryBytes && bean.containerMemory )
            bean.containerMemory = new MemoryUnit(advice.memoryBytes)
        new BashWrapperBuilder(bean).build()
    }

    @Override
    void submit() {
        if( task instanceof TaskArrayRun ) {
            // The wrappers of the children are written already.
            for( TaskHandler child : ((TaskArrayRun) task).children )
                child.submit()
        }
        else {
            submitAs(executor.newId(task))
        }
        status = TaskStatus.SUBMITTED
    }

    private void submitAs(String newId) {
        id = newId
        final message = executor.translator.translate(task, id)
        if( advice != null ) {
            message.put('retry_of', advice.of)
            if( advice.memoryBytes != null )
                message.put('memory_bytes', advice.memoryBytes)
        }
        // A try that Nextflow itself repeats has failed in its eyes: an older result is not wanted.
        if( adoptable && task.config.getAttempt() == 1 )
            message.put('fingerprint', executor.fingerprints.of(task, place))
        executor.client.submit(message, this)
    }

    @Override
    boolean checkIfRunning() {
        news = false
        if( !isSubmitted() )
            return false
        if( refusal != null ) {
            status = TaskStatus.RUNNING
            return true
        }
        final now = last
        if( now == null || !now.isStarted() )
            return false
        if( now.isAdopted() && !acceptAdoption(now) )
            return false
        status = TaskStatus.RUNNING
        if( now.startedMillis )
            startTimeMillis = Math.max(now.startedMillis, submitTimeMillis)
        return true
    }

    @Override
    boolean checkIfCompleted() {
        if( !isRunning() )
            return false
        if( refusal != null ) {
            task.error = new ProcessUnrecoverableException("Process `${task.lazyName()}` cannot run: $refusal")
            return complete(null)
        }
        final now = last
        if( now == null || !now.isFinal() )
            return false
        task.exitStatus = exitOf(now)
        if( now.state == 'succeeded' )
            executor.repeats.forget(place)
        else
            judge(now)
        return complete(now)
    }

    private boolean complete(GenoschedStatus now) {
        task.stdout = task.workDir.resolve(TaskRun.CMD_OUTFILE)
        task.stderr = errorText()
        status = TaskStatus.COMPLETED
        if( now?.endedMillis )
            completeTimeMillis = Math.max(now.endedMillis, startTimeMillis)
        return true
    }

    @Override
    protected void killTask() {
        if( id != null )
            executor.client.kill(id)
    }

    @Override
    TraceRecord getTraceRecord() {
        final record = super.getTraceRecord()
        if( last != null )
            GenoschedTrace.fill(record, last)
        return record
    }

    // -- what an end means

    private int exitOf(GenoschedStatus now) {
        if( now.reason == 'oom' && now.state != 'succeeded' )
            return OOM_EXIT
        if( now.exitCode != null )
            return now.exitCode
        if( now.signal != null )
            return 128 + now.signal
        return now.state == 'succeeded' ? 0 : Integer.MAX_VALUE
    }

    private void judge(GenoschedStatus now) {
        if( now.state == 'failed' && now.retry != null && executor.repeats.total(place) < GenoschedRepeats.MOST ) {
            repeat(now, now.retryMemoryBytes, false)
            return
        }
        if( now.state == 'lost' && executor.repeats.lost(place) < executor.options.maxLostRetries ) {
            repeat(now, null, true)
            return
        }
        // Nextflow counts repeats of ours as failures; the pipeline's maxRetries must not pay for them.
        task.failCount = Math.max(0, task.failCount - executor.repeats.takeCounted(place))
        if( now.reason != 'exit' || now.state != 'failed' )
            task.error = new ProcessException(explain(now))
        if( now.exitCode == null || now.reason == 'oom' )
            recordExit()
    }

    private void repeat(GenoschedStatus now, Long memoryBytes, boolean lost) {
        final message = explain(now)
        log.info "[${task.hashLog}] NOTE: $message"
        executor.repeats.advise(place, new GenoschedRepeats.Advice(now.id, memoryBytes), lost)
        task.error = new GenoschedRepeatException(message)
    }

    private String explain(GenoschedStatus now) {
        return "Process `${task.lazyName()}` ${now.message ? 'failed: ' + now.message : plainly(now)}"
    }

    private static String plainly(GenoschedStatus now) {
        switch( now.state ) {
            case 'cancelled': return "was stopped (genosched task ${now.id})"
            case 'lost': return "is lost: nobody can know whether it ran to its end (genosched task ${now.id})"
            default: return "failed: ${now.reason} (genosched task ${now.id})"
        }
    }

    /** A wrapper that was killed wrote no exit code; tools that read the file expect one. */
    private void recordExit() {
        final file = task.workDir.resolve(TaskRun.CMD_EXIT)
        if( task.exitStatus == Integer.MAX_VALUE )
            return
        try {
            Files.writeString(file, task.exitStatus.toString())
        }
        catch( IOException e ) {
            log.debug "Cannot write $file: ${e.message}"
        }
    }

    /** The end of the wrapper's log where there is one: it holds what bash and the tools said. */
    private Object errorText() {
        final errorFile = task.workDir.resolve(TaskRun.CMD_ERRFILE)
        if( task.exitStatus == 0 )
            return errorFile
        final text = tail(task.workDir.resolve(TaskRun.CMD_LOG))
        return text ?: errorFile
    }

    private static String tail(Path file) {
        try( RandomAccessFile access = new RandomAccessFile(file.toFile(), 'r') ) {
            final from = Math.max(0L, access.length() - LOG_TAIL_BYTES)
            final bytes = new byte[(int) (access.length() - from)]
            access.seek(from)
            access.readFully(bytes)
            final lines = new String(bytes, 'UTF-8').readLines()
            return lines.subList(Math.max(0, lines.size() - LOG_TAIL_LINES), lines.size()).join('\n')
        }
        catch( IOException ignored ) {
            return null
        }
    }

    // -- adoption

    /**
     * A task of an earlier launch does this task's work already. Taken over
     * only if Nextflow never saw its end: a result that Nextflow knows and
     * still wants to have again (its outputs are gone, or were not as
     * declared) must be made anew.
     */
    private boolean acceptAdoption(GenoschedStatus now) {
        final dir = now.workdir == null ? null : Path.of(now.workdir)
        if( dir == null || !Files.isDirectory(dir) || executor.isKnownToCache(dir, task) ) {
            log.debug "Not adopted: ${now.workdir} for ${task.lazyName()}"
            adoptable = false
            last = null
            submitAs(executor.newId(task))
            return false
        }
        if( task.workDir != dir ) {
            log.info "[${task.hashLog}] NOTE: Task '${task.lazyName()}' was started by an earlier launch: taken over from $dir"
            task.workDir = dir
        }
        return true
    }
}
