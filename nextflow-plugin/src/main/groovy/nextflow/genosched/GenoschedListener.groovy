/*
 * Who wants to hear of one task. Calls come from GenoschedClient's threads
 * and must return at once.
 */
package nextflow.genosched

import groovy.transform.CompileStatic

@CompileStatic
interface GenoschedListener {

    /** The task's state has changed. */
    void onStatus(GenoschedStatus status)

    /** The task was refused, or genosched cannot be reached any more. Nothing else follows. */
    void onRefused(String reason)
}
