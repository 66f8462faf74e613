/*
 * `process.executor = 'genosched'`: joins the parts. Starts genosched before
 * the first task and ends it after the last; a launch with -resume finds the
 * run of the earlier one, because Nextflow keeps the session's unique id.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import com.google.common.hash.HashCode
import nextflow.BuildInfo
import nextflow.executor.Executor
import nextflow.executor.TaskArrayExecutor
import nextflow.processor.TaskHandler
import nextflow.processor.TaskMonitor
import nextflow.processor.TaskRun
import nextflow.util.ServiceName
import org.pf4j.ExtensionPoint

import java.nio.file.Path
import java.security.SecureRandom
import java.util.concurrent.atomic.AtomicInteger

@Slf4j
@ServiceName('genosched')
@CompileStatic
class GenoschedExecutor extends Executor implements ExtensionPoint, TaskArrayExecutor {

    private static final int PROTOCOL = 1

    /** Tells the ids of this launch from those of earlier launches of the same run. */
    private final String launch = Integer.toHexString(new SecureRandom().nextInt(0x1000000) | 0x1000000).substring(1)

    private final AtomicInteger lastNumber = new AtomicInteger()

    private GenoschedConfig options
    private GenoschedClient link
    private GenoschedTask translation
    final GenoschedRepeats repeats = new GenoschedRepeats()
    final GenoschedFingerprint fingerprints = new GenoschedFingerprint()

    GenoschedConfig getOptions() { options }

    GenoschedClient getClient() { link }

    GenoschedTask getTranslator() { translation }

    @Override
    protected void register() {
        super.register()
        options = new GenoschedConfig(scope(session.config))
        final program = new GenoschedBinary(GenoschedPlugin.installed, System.getenv('PATH')).locate(options.binary)
        final command = [program.toString(), 'serve']
        if( options.configFile )
            command.addAll(['--config', new File(options.configFile).absolutePath])
        link = new GenoschedClient({ new GenoschedProcess(command) }, hello(), { signal() })
        link.open()
        translation = new GenoschedTask(link.pool, options.clampCpus, options.clampMemory)
    }

    private static Map scope(Map config) {
        final value = config.get('genosched')
        return value instanceof Map ? (Map) value : Collections.emptyMap()
    }

    private Map<String,Object> hello() {
        final result = new LinkedHashMap<String,Object>()
        result.put('protocol', PROTOCOL)
        result.put('engine', [name: 'nextflow', version: BuildInfo.version, session: launch])
        result.put('run', [id: session.uniqueId.toString(), name: session.runName,
                           workdir: session.workDir.toAbsolutePath().toString()])
        result.put('config', options.configMap())
        result.put('resume', session.resumeMode)
        return result
    }

    @Override
    protected TaskMonitor createTaskMonitor() {
        return GenoschedTaskMonitor.create(session, this)
    }

    @Override
    TaskHandler createTaskHandler(TaskRun task) {
        return new GenoschedTaskHandler(task, this)
    }

    @Override
    void shutdown() {
        link?.close(session.disableJobsCancellation ? 'detach' : 'cancel', options.shutdownTimeout.toMillis())
    }

    /** Readable (it begins as Nextflow's log does) and unique over all launches of the run. */
    String newId(TaskRun task) {
        final hash = task.hash.toString()
        return "${hash.substring(0, 8)}-$launch-${lastNumber.incrementAndGet()}".toString()
    }

    /** Whether Nextflow has seen a task end in this work directory. */
    boolean isKnownToCache(Path dir, TaskRun task) {
        final hash = dir.parent?.fileName?.toString() + dir.fileName
        if( !hash.matches('[0-9a-f]{32}') )
            return false
        try {
            return session.cache.getTaskEntry(HashCode.fromString(hash), task.processor) != null
        }
        catch( Exception e ) {
            log.debug "Cannot look up $dir in Nextflow's cache: ${e.message}"
            return true
        }
    }

    // -- job arrays: genosched takes their tasks one by one, in one message

    @Override
    String getArrayIndexName() { 'GENOSCHED_ARRAY_INDEX' }

    @Override
    int getArrayIndexStart() { 0 }

    @Override
    String getArrayTaskId(String jobId, int index) { "$jobId-$index" }
}
