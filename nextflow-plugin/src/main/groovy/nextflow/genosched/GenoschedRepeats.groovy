/*
 * Remembers, between one try of a task and the next, what genosched advised:
 * Nextflow makes a new TaskRun for a repeat and copies nothing of ours. Also
 * counts, so that repeats end even if genosched never stopped advising them.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.processor.TaskRun

import java.util.concurrent.ConcurrentHashMap

@CompileStatic
class GenoschedRepeats {

    /** Far above any sensible budget: genosched counts, this is the safety rope. */
    static final int MOST = 20

    static class Advice {
        /** Id of the task that failed. */
        final String of
        final Long memoryBytes

        Advice(String of, Long memoryBytes) {
            this.of = of
            this.memoryBytes = memoryBytes
        }
    }

    private static class Record {
        Advice next
        int total
        int lost
        /** Repeats that Nextflow has counted as failures of the task. */
        int counted
    }

    private final Map<String,Record> records = new ConcurrentHashMap<>()

    /** The same for every try of one task within a launch. */
    static String placeOf(TaskRun task) { "${task.processor.name}#${task.index}".toString() }

    synchronized int total(String place) { records.get(place)?.total ?: 0 }

    synchronized int lost(String place) { records.get(place)?.lost ?: 0 }

    synchronized void advise(String place, Advice advice, boolean lost) {
        final record = records.computeIfAbsent(place) { new Record() }
        record.next = advice
        record.total++
        record.counted++
        if( lost )
            record.lost++
    }

    /** What the next try of the task is to do better; null if it is not a repeat of ours. */
    synchronized Advice take(String place) {
        final record = records.get(place)
        final advice = record?.next
        record?.next = null
        return advice
    }

    /** How many of Nextflow's failures of this task were repeats of ours; asked once. */
    synchronized int takeCounted(String place) {
        final record = records.get(place)
        final count = record?.counted ?: 0
        record?.counted = 0
        return count
    }

    synchronized void forget(String place) { records.remove(place) }
}
