/*
 * Translates a Nextflow task into the protocol's Task. Only reads the task.
 * A figure that the pipeline did not give is left out, never invented; what
 * the pipeline asked for beyond the machine is lowered only where the user
 * allowed it (`genosched.clamp`), with one warning a process.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.executor.BashWrapperBuilder
import nextflow.executor.res.AcceleratorResource
import nextflow.processor.TaskRun
import nextflow.util.MemoryUnit

import java.nio.file.FileSystems
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.ConcurrentHashMap

@Slf4j
@CompileStatic
class GenoschedTask {

    /** A task that merges thousands of files is described by their sum. */
    private static final int MAX_INPUTS = 1000
    private static final int MAX_LABEL_CHARS = 256
    private static final int MAX_NAME_CHARS = 1024

    private final Map pool
    private final boolean clampCpus
    private final boolean clampMemory
    private final Set<String> warned = ConcurrentHashMap.newKeySet()

    GenoschedTask(Map pool, boolean clampCpus, boolean clampMemory) {
        this.pool = pool
        this.clampCpus = clampCpus
        this.clampMemory = clampMemory
    }

    Map<String,Object> translate(TaskRun task, String id) {
        final config = task.config
        final result = new LinkedHashMap<String,Object>()
        result.put('id', id)
        result.put('process', task.processor.name)
        result.put('name', shorten(task.name, MAX_NAME_CHARS))
        final command = new ArrayList<String>(BashWrapperBuilder.BASH)
        command.add(TaskRun.CMD_RUN)
        result.put('command', command)
        result.put('workdir', task.workDir.toString())
        result.put('stdout', task.workDir.resolve(TaskRun.CMD_LOG).toString())
        result.put('stderr', task.workDir.resolve(TaskRun.CMD_LOG).toString())
        addContainer(result, task)
        result.put('cpus', cpusOf(task))
        addMemory(result, task)
        put(result, 'disk_bytes', config.getDisk()?.toBytes())
        put(result, 'time_ms', config.getTime()?.toMillis())
        addAccelerator(result, config.getAccelerator())
        put(result, 'arch', archOf(task))
        put(result, 'machine_type', config.getMachineType())
        addInputs(result, task)
        put(result, 'chromosome', GenoschedChromosome.of(task))
        put(result, 'features', featuresOf(task, (List) result.get('inputs')))
        put(result, 'labels', labelsOf(task))
        final priority = extension(task, 'priority')
        if( priority instanceof Number )
            result.put('priority', priority)
        result.put('attempt', config.getAttempt())
        result.put('retry', 'engine')
        return result
    }

    /** The value of `ext.KEY`, evaluated for this task; null if there is none or it fails. */
    static Object extension(TaskRun task, String key) {
        try {
            final ext = task.config.get('ext')
            return ext instanceof Map ? ((Map) ext).get(key) : null
        }
        catch( Exception e ) {
            log.debug "Cannot evaluate ext.$key of ${task.lazyName()}: ${e.message}"
            return null
        }
    }

    private int cpusOf(TaskRun task) {
        final asked = Math.max(1, task.config.getCpus())
        final most = ((Number) (pool.get('cpus') ?: 0)).intValue()
        if( !clampCpus || most < 1 || asked <= most )
            return asked
        warnOnce(task, 'cpus', "asks for $asked CPUs, the most that one machine has is $most: it gets $most." +
                " Set process.resourceLimits = [cpus: $most] to have its command told so as well.")
        return most
    }

    private void addMemory(Map<String,Object> result, TaskRun task) {
        Long asked = task.config.getMemory()?.toBytes()
        final most = ((Number) (pool.get('memory_bytes') ?: 0)).longValue()
        if( asked != null && clampMemory && most > 0 && asked > most ) {
            warnOnce(task, 'memory', "asks for ${new MemoryUnit(asked)}, the most that one machine has is" +
                    " ${new MemoryUnit(most)}: it gets that. Set process.resourceLimits to have its command told so as well.")
            asked = most
        }
        put(result, 'memory_bytes', asked)
        final limit = limitOf(task)
        if( limit != null )
            result.put('memory_max_bytes', asked == null ? limit : Math.max(limit, asked))
        if( GenoschedMemoryUse.inScript(task) )
            result.put('memory_in_script', true)
    }

    private static Long limitOf(TaskRun task) {
        final limit = task.config.getResourceLimit('memory')
        if( limit == null )
            return null
        return limit instanceof MemoryUnit ? ((MemoryUnit) limit).toBytes() : new MemoryUnit(limit.toString()).toBytes()
    }

    private void warnOnce(TaskRun task, String what, String message) {
        final process = task.processor.name
        if( warned.add(process + '\0' + what) )
            log.warn "Process '$process' $message"
    }

    private static void addContainer(Map<String,Object> result, TaskRun task) {
        if( !task.isContainerEnabled() )
            return
        result.put('container', [image: task.getContainer()])
    }

    private static void addAccelerator(Map<String,Object> result, AcceleratorResource accelerator) {
        final count = accelerator?.request ?: accelerator?.limit
        put(result, 'gpus', count)
        if( count )
            put(result, 'gpu_type', accelerator.type)
    }

    private static String archOf(TaskRun task) {
        return task.config.getArchitecture()?.dockerArch
    }

    private static void addInputs(Map<String,Object> result, TaskRun task) {
        final list = new ArrayList<Map>()
        for( Path path : new TreeMap<String,Path>(task.getInputFilesMap()).values() ) {
            if( list.size() >= MAX_INPUTS )
                break
            if( path.fileSystem != FileSystems.default )
                continue
            final input = new LinkedHashMap<String,Object>()
            input.put('path', path.toAbsolutePath().toString())
            put(input, 'bytes', sizeOf(path))
            list.add(input)
        }
        if( list )
            result.put('inputs', list)
    }

    private static Long sizeOf(Path path) {
        try {
            return Files.isRegularFile(path) ? (Long) Files.size(path) : null
        }
        catch( IOException ignored ) {
            return null
        }
    }

    /** Named numbers for the predictor: the inputs' sum, and what `ext.features` says. */
    private static Map<String,Number> featuresOf(TaskRun task, List inputs) {
        final result = new LinkedHashMap<String,Number>()
        if( inputs ) {
            result.put('input_files', task.getInputFilesMap().size())
            long sum = 0
            for( Object it : inputs )
                sum += ((Number) (((Map) it).get('bytes') ?: 0)).longValue()
            result.put('input_bytes', sum)
        }
        final own = extension(task, 'features')
        if( own instanceof Map )
            for( Map.Entry it : ((Map) own).entrySet() )
                if( it.value instanceof Number )
                    result.put(it.key.toString(), (Number) it.value)
        return result ?: null
    }

    private static Map<String,String> labelsOf(TaskRun task) {
        final result = new LinkedHashMap<String,String>()
        final tag = tagOf(task)
        if( tag )
            result.put('tag', shorten(tag, MAX_LABEL_CHARS))
        for( Map.Entry it : task.config.getResourceLabels().entrySet() )
            result.put(it.key.toString(), shorten(String.valueOf(it.value), MAX_LABEL_CHARS))
        return result ?: null
    }

    private static String tagOf(TaskRun task) {
        try {
            return task.config.get('tag')?.toString()?.trim()
        }
        catch( Exception e ) {
            log.debug "Cannot evaluate the tag of ${task.lazyName()}: ${e.message}"
            return null
        }
    }

    private static String shorten(String text, int most) {
        return text.length() > most ? text.substring(0, most) : text
    }

    private static void put(Map<String,Object> map, String key, Object value) {
        if( value != null )
            map.put(key, value)
    }
}
