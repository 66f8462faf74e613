/*
 * Names a task's work, so that genosched can recognise it when Nextflow was
 * killed and submits it again: process, script, container, staged inputs,
 * values and environment, never the attempt or the work directory. Two tasks
 * of one launch with the very same work are told apart by their order.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.processor.TaskRun
import nextflow.script.params.FileInParam
import nextflow.script.params.InParam

import java.nio.charset.StandardCharsets
import java.nio.file.Path
import java.security.MessageDigest
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.atomic.AtomicInteger

@CompileStatic
class GenoschedFingerprint {

    private final Map<String,AtomicInteger> seen = new ConcurrentHashMap<>()

    /** `place` names the task within this launch: its repeats keep their number. */
    private final Map<String,String> given = new ConcurrentHashMap<>()

    String of(TaskRun task, String place) {
        final digest = digest(task)
        final mine = given.computeIfAbsent("$place $digest".toString()) { String key ->
            final number = seen.computeIfAbsent(digest) { new AtomicInteger() }.incrementAndGet()
            "$digest-$number".toString()
        }
        return mine
    }

    private static String digest(TaskRun task) {
        final sha = MessageDigest.getInstance('SHA-256')
        add(sha, task.processor.name)
        add(sha, task.script?.toString())
        add(sha, task.isContainerEnabled() ? task.container : null)
        add(sha, String.valueOf(task.config.getShell()))
        for( Map.Entry<String,Path> it : new TreeMap<String,Path>(task.getInputFilesMap()).entrySet() ) {
            add(sha, it.key)
            add(sha, it.value.toUri().toString())
        }
        for( Map.Entry<InParam,Object> it : task.inputs.entrySet() )
            if( it.key !instanceof FileInParam )
                add(sha, String.valueOf(it.value))
        for( Map.Entry<String,String> it : new TreeMap<String,String>(task.getEnvironment()).entrySet() ) {
            add(sha, it.key)
            add(sha, it.value)
        }
        return sha.digest().encodeHex().toString()
    }

    /** With its length in front: "ab" + "c" is not "a" + "bc". */
    private static void add(MessageDigest sha, String part) {
        final bytes = (part ?: '').getBytes(StandardCharsets.UTF_8)
        sha.update("${part == null ? -1 : bytes.length}:".toString().getBytes(StandardCharsets.UTF_8))
        sha.update(bytes)
    }
}
