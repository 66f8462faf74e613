/*
 * Nextflow's polling monitor, made to react at once: a signal that arrives
 * while the loop is busy is kept, not lost, and a pass looks only at tasks of
 * which something is new (a full pass each second is the safety net). Its
 * capacity is unbounded unless the user has set `executor.queueSize`:
 * genosched orders and packs, so it must see every task that is ready.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.Session
import nextflow.executor.Executor
import nextflow.processor.TaskHandler
import nextflow.processor.TaskPollingMonitor
import nextflow.util.Duration

@CompileStatic
class GenoschedTaskMonitor extends TaskPollingMonitor {

    private static final String DEFAULT_POLL = '100ms'
    private static final String DEFAULT_DUMP = '5min'
    private static final long FULL_PASS_MILLIS = 1000

    private final Object bell = new Object()
    private boolean rung
    private long lastFullPass

    protected GenoschedTaskMonitor(Map params) {
        super(params)
    }

    static GenoschedTaskMonitor create(Session session, Executor executor) {
        final name = executor.name
        final params = new HashMap<String,Object>()
        params.put('session', session)
        params.put('name', name)
        params.put('capacity', (setting(session.config, name, 'queueSize') ?: 0) as int)
        params.put('pollInterval', duration(setting(session.config, name, 'pollInterval') ?: DEFAULT_POLL))
        params.put('dumpInterval', duration(setting(session.config, name, 'dumpInterval') ?: DEFAULT_DUMP))
        // Nextflow 25.10 and newer want their ExecutorConfig as well.
        final config = executor.metaClass.hasProperty(executor, 'config')
        if( config != null )
            params.put('config', config.getProperty(executor))
        return new GenoschedTaskMonitor(params)
    }

    /** `executor.$genosched.KEY`, else `executor.KEY`; null if neither is set. */
    static Object setting(Map config, String name, String key) {
        final scope = config?.get('executor')
        if( scope !instanceof Map )
            return null
        final own = ((Map) scope).get('$' + name)
        final value = own instanceof Map ? ((Map) own).get(key) : null
        return value != null ? value : ((Map) scope).get(key)
    }

    private static Duration duration(Object value) {
        return value instanceof Duration ? (Duration) value : Duration.of(value.toString())
    }

    @Override
    void signal() {
        synchronized( bell ) {
            rung = true
            bell.notifyAll()
        }
    }

    @Override
    protected void await(long time) {
        final deadline = time + pollIntervalMillis
        synchronized( bell ) {
            while( !rung ) {
                final left = deadline - System.currentTimeMillis()
                if( left <= 0 )
                    break
                bell.wait(left)
            }
            rung = false
        }
    }

    @Override
    protected void checkAllTasks(List<TaskHandler> all) {
        final queue = session.isCancelled() ? dropWaiting(all) : all
        final now = System.currentTimeMillis()
        if( now - lastFullPass >= FULL_PASS_MILLIS ) {
            lastFullPass = now
            super.checkAllTasks(queue)
            return
        }
        final fresh = new ArrayList<TaskHandler>()
        for( int i = 0; i < queue.size(); i++ )
            if( ((GenoschedTaskHandler) queue.get(i)).hasNews() )
                fresh.add(queue.get(i))
        super.checkAllTasks(fresh)
    }

    /**
     * The errorStrategy 'finish' lets running tasks end. Those that still
     * wait in genosched are stopped: Nextflow would wait for all of them.
     * Answers the others.
     */
    private List<TaskHandler> dropWaiting(List<TaskHandler> queue) {
        final others = new ArrayList<TaskHandler>()
        for( TaskHandler it : queue ) {
            final handler = (GenoschedTaskHandler) it
            if( !handler.isWaiting() || !evict(handler) ) {
                others.add(handler)
                continue
            }
            handler.kill()
            handler.decProcessForks()
            handler.task.aborted = true
            session.notifyTaskComplete(handler)
        }
        return others
    }
}
