/*
 * Whether a task's rendered command depends on its memory figure (a Java
 * heap, a sort buffer): then its limit must not be lowered under the request.
 * Asks Nextflow where it knows (TaskRun.isDirectiveReferenced, 26.08), else
 * looks for `task.memory` in the source and for the figure in the script.
 * When in doubt the answer is yes: that costs memory, a wrong no costs tasks.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.processor.TaskRun
import nextflow.util.MemoryUnit

import java.util.regex.Pattern

@Slf4j
@CompileStatic
class GenoschedMemoryUse {

    private static final Pattern IN_SOURCE = ~/\btask\s*\.\s*memory\b|\btask\s*\[\s*['"]memory['"]\s*]/
    private static final Pattern HEAP = ~/-Xm[xs]\s*=?\d/
    private static final int MAX_SCRIPT_CHARS = 1_000_000

    static boolean inScript(TaskRun task) {
        final known = reported(task)
        return known != null ? known : inSource(task) || inRendered(task.script?.toString(), task.config.getMemory())
    }

    /** What newer versions of Nextflow have seen themselves; null where they have not. */
    private static Boolean reported(TaskRun task) {
        try {
            final method = TaskRun.getMethod('isDirectiveReferenced', String)
            return (Boolean) method.invoke(task, 'memory')
        }
        catch( NoSuchMethodException ignored ) {
            return null
        }
        catch( Exception e ) {
            log.debug "Nextflow cannot tell whether ${task.lazyName()} uses its memory figure: ${e.message}"
            return null
        }
    }

    private static boolean inSource(TaskRun task) {
        for( String source : [task.processor.taskBody?.source, task.source, task.stubSource] )
            if( source && IN_SOURCE.matcher(source).find() )
                return true
        return false
    }

    /** Catches what came through `ext.args` and other closures of the configuration. */
    static boolean inRendered(String script, MemoryUnit memory) {
        if( !script || !memory || script.length() > MAX_SCRIPT_CHARS )
            return false
        if( HEAP.matcher(script).find() )
            return true
        for( String figure : figures(memory) )
            if( Pattern.compile("(?<![\\w.])\\Q$figure\\E(?![\\d.])").matcher(script).find() )
                return true
        return false
    }

    /** How a size is usually written: with its unit, or as a number too long to be chance. */
    private static List<String> figures(MemoryUnit memory) {
        final result = new ArrayList<String>()
        final sizes = [g: memory.toGiga(), m: memory.toMega(), k: memory.toKilo()]
        for( Map.Entry<String,Long> it : sizes.entrySet() ) {
            if( it.value < 1 )
                continue
            for( String unit : [it.key, it.key.toUpperCase()] ) {
                result.add("${it.value}${unit}".toString())
                result.add("${it.value} ${unit}".toString())
                result.add("${it.value}.${unit}".toString())
            }
            if( it.value >= 1000 )
                result.add(it.value.toString())
        }
        result.add(memory.toBytes().toString())
        return result
    }
}
