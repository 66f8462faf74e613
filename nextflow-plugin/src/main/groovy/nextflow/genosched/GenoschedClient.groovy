/*
 * Keeps one genosched at work for the whole of a Nextflow run. Two threads:
 * one holds the single long poll for all tasks and starts genosched again,
 * with the same run id, when it dies; the other sends submits and kills in
 * batches. A request that got no reply is sent again: submits and kills are
 * idempotent, so nothing is lost and nothing starts twice.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.exception.AbortOperationException

import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import java.util.function.Supplier

@Slf4j
@CompileStatic
class GenoschedClient {

    private static final long START_MILLIS = 120_000
    private static final long REPLY_MILLIS = 120_000
    private static final int POLL_WAIT_MILLIS = 10_000
    /** While changes come thick and fast, those of this time share one reply. */
    private static final long POLL_PAUSE_MILLIS = 20
    /** How long the run of a Nextflow that has just died may still be held. */
    private static final long HELD_MILLIS = 60_000
    private static final int MAX_DEATHS = 8
    private static final long HEALTHY_MILLIS = 20_000
    private static final long MAX_BACK_OFF_MILLIS = 8_000
    private static final long FIRST_BACK_OFF_MILLIS = 200
    /** Tasks that Nextflow hands over within this time share one message… */
    private static final long BATCH_MILLIS = 10
    /** …and within this one while so many others are under way that none waits for it. */
    private static final long BUSY_BATCH_MILLIS = 50
    private static final int BUSY_TASKS = 64
    private static final int BATCH_TASKS = 1000
    /** Well below the protocol's 16 MiB a line. */
    private static final int BATCH_CHARS = 4_000_000

    private static class Entry {
        final Map task
        final GenoschedListener listener
        volatile boolean accepted

        Entry(Map task, GenoschedListener listener) {
            this.task = task
            this.listener = listener
        }
    }

    /** One thing to send: a task to submit, or the id of one to kill. */
    private static class Order {
        final Entry submit
        final String kill

        Order(Entry submit, String kill) {
            this.submit = submit
            this.kill = kill
        }
    }

    private final Supplier<GenoschedProcess> launcher
    private final Map<String,Object> hello
    private final Runnable onNews
    private final Map<String,Entry> entries = new ConcurrentHashMap<>()
    private final LinkedBlockingQueue<Order> orders = new LinkedBlockingQueue<>()
    private final Object link = new Object()
    private GenoschedProcess live
    private volatile boolean closing
    private volatile String failure
    private volatile Map greeting = Collections.emptyMap()
    private Thread pollThread
    private Thread sendThread
    private long liveSince
    private int deaths
    /** Shorter in tests. */
    long backOffMillis = FIRST_BACK_OFF_MILLIS

    /**
     * @param launcher makes a genosched that is not started yet
     * @param hello the parameters of `initialize`
     * @param onNews called after each reply that changed something
     */
    GenoschedClient(Supplier<GenoschedProcess> launcher, Map<String,Object> hello, Runnable onNews) {
        this.launcher = launcher
        this.hello = hello
        this.onNews = onNews
    }

    /** Starts genosched; throws AbortOperationException with all there is to say if that fails. */
    void open() {
        final deadline = System.currentTimeMillis() + HELD_MILLIS
        while( true ) {
            try {
                connect(false)
                break
            }
            catch( GenoschedException e ) {
                if( e.code != GenoschedException.HELD || System.currentTimeMillis() > deadline )
                    throw new AbortOperationException(describe(e), e)
                log.info "Waiting for the genosched of an earlier launch of this run to end"
                Thread.sleep(1000)
            }
            catch( IOException e ) {
                throw new AbortOperationException("genosched cannot be used: ${e.message}." +
                        " See the log file of Nextflow for what it said; `genosched doctor` checks the installation.", e)
            }
        }
        pollThread = daemon('genosched-poll') { pollLoop() }
        sendThread = daemon('genosched-send') { sendLoop() }
    }

    /** What the machines have, as genosched said at the start: `memory_bytes`, `cpus`, … */
    Map getPool() {
        return greeting.get('pool') instanceof Map ? (Map) greeting.get('pool') : Collections.emptyMap()
    }

    String getBackend() { greeting.get('backend') as String }

    void submit(Map task, GenoschedListener listener) {
        if( failure ) {
            listener.onRefused(failure)
            return
        }
        final entry = new Entry(task, listener)
        entries.put(task.get('id') as String, entry)
        orders.add(new Order(entry, null))
    }

    void kill(String id) {
        if( entries.containsKey(id) )
            orders.add(new Order(null, id))
    }

    /** Ends genosched: `cancel` stops every task and waits for that, `detach` leaves them. */
    void close(String mode, long timeoutMillis) {
        closing = true
        orders.clear()
        for( Thread thread : [pollThread, sendThread] ) {
            thread?.interrupt()
            thread?.join(2000)
        }
        synchronized( link ) {
            // Tasks outlive a genosched that has died: one is needed to stop them.
            if( mode == 'cancel' && !entries.isEmpty() && !failure && !live?.isAlive() )
                tryReconnect()
            if( live?.isAlive() )
                shutdown(mode, timeoutMillis)
            live = null
        }
        entries.clear()
    }

    private void shutdown(String mode, long timeoutMillis) {
        try {
            live.call('shutdown', [mode: mode], timeoutMillis)
        }
        catch( Exception e ) {
            log.warn "genosched could not end in order: ${e.message}. Tasks may still run; `genosched status` shows them."
        }
        live.close(5000)
    }

    private void tryReconnect() {
        try {
            connect(true)
        }
        catch( Exception e ) {
            log.warn "genosched has ended and cannot be started again: ${e.message}. Tasks may still run."
        }
    }

    // -- the connection

    private void connect(boolean resume) {
        final process = launcher.get()
        final GenoschedProcess child = process
        Map reply
        try {
            child.start()
            final params = new LinkedHashMap<String,Object>(hello)
            if( resume )
                params.put('resume', true)
            reply = child.call('initialize', params, START_MILLIS)
            final server = reply.get('server') instanceof Map ? (Map) reply.get('server') : Collections.emptyMap()
            GenoschedBinary.checkVersion(server.get('version'), 'The program that was started')
        }
        catch( GenoschedGoneException e ) {
            child.bury()
            final words = child.lastWords()
            throw new IOException(e.message + " (exit status ${child.exitStatus()})" + (words ? ", its last words: $words" : ''), e)
        }
        catch( GenoschedException | AbortOperationException e ) {
            child.close(2000)
            throw e
        }
        greeting = reply
        synchronized( link ) {
            live = child
            liveSince = System.currentTimeMillis()
            link.notifyAll()
        }
        log.debug "genosched is ready: backend $backend, pool $pool, ${reply.get('recovered')} tasks known from before"
    }

    private static String describe(GenoschedException e) {
        // Line 0: the key came from this plugin, not from a file.
        if( e.code != GenoschedException.CONFIGURATION || !e.data.get('file') || !e.data.get('line') )
            return "genosched cannot be used: ${e.message}"
        final place = [e.data.get('file'), e.data.get('line'), e.data.get('column')].findAll { it != null }.join(':')
        return e.message.contains(place) ? "genosched cannot be used: ${e.message}"
                : "genosched cannot be used: $place: ${e.message}"
    }

    private GenoschedProcess current() {
        synchronized( link ) {
            return live
        }
    }

    /** Waits for a genosched other than `old`; null when there will be none. */
    private GenoschedProcess awaitOther(GenoschedProcess old) {
        synchronized( link ) {
            while( (live == null || live.is(old)) && !closing && !failure )
                link.wait(1000)
            return closing || failure ? null : live
        }
    }

    /** After a death: starts genosched again, with growing pauses. False when it is given up. */
    private boolean reconnect(GenoschedProcess dead, String why) {
        if( System.currentTimeMillis() - liveSince > HEALTHY_MILLIS )
            deaths = 0
        dead.bury()
        log.warn "genosched ended unexpectedly (exit status ${dead.exitStatus()}; $why): starting it again. Running tasks go on meanwhile."
        String last = why
        while( !closing && ++deaths <= MAX_DEATHS ) {
            Thread.sleep(Math.min(MAX_BACK_OFF_MILLIS, backOffMillis << (deaths - 1)))
            try {
                connect(true)
                return true
            }
            catch( GenoschedException e ) {
                last = describe(e)
                if( e.code != GenoschedException.HELD )
                    break
            }
            catch( AbortOperationException | IOException e ) {
                last = e.message
            }
        }
        if( !closing )
            giveUp("genosched has died and could not be started again: $last." +
                    " The tasks that it ran are kept: repair the cause and run Nextflow again with -resume.")
        return false
    }

    private void giveUp(String message) {
        log.error message
        synchronized( link ) {
            failure = message
            link.notifyAll()
        }
        for( String id : new ArrayList<String>(entries.keySet()) )
            entries.remove(id)?.listener?.onRefused(message)
        onNews.run()
    }

    // -- the one long poll

    private void pollLoop() {
        long sequence = 0
        boolean restarted = false
        boolean busy = false
        while( !closing ) {
            final process = current()
            try {
                if( busy )
                    Thread.sleep(POLL_PAUSE_MILLIS)
                final asked = System.currentTimeMillis()
                final reply = process.call('poll', [after: sequence, wait_ms: restarted ? 0 : POLL_WAIT_MILLIS],
                        POLL_WAIT_MILLIS + REPLY_MILLIS)
                busy = System.currentTimeMillis() - asked < 2 * POLL_PAUSE_MILLIS
                final known = deliver(reply)
                if( restarted )
                    submitForgotten(known)
                restarted = false
                sequence = reply.get('sequence') instanceof Number ? ((Number) reply.get('sequence')).longValue() : sequence
            }
            catch( InterruptedException ignored ) {
                return
            }
            catch( Exception e ) {
                if( closing )
                    return
                log.debug 'The poll failed', e
                try {
                    if( !reconnect(process, e.message) )
                        return
                }
                catch( InterruptedException ignored ) {
                    return
                }
                sequence = 0
                restarted = true
            }
        }
    }

    /** Hands out what changed; answers the ids that genosched knows. */
    private Set<String> deliver(Map reply) {
        final known = new HashSet<String>()
        final tasks = reply.get('tasks') instanceof List ? (List) reply.get('tasks') : Collections.emptyList()
        boolean news = false
        for( Object item : tasks ) {
            if( item !instanceof Map )
                continue
            final status = new GenoschedStatus((Map) item)
            known.add(status.id)
            final entry = entries.get(status.id)
            if( entry == null )
                continue // of an earlier launch of this run
            entry.accepted = true
            if( status.isFinal() )
                entries.remove(status.id)
            entry.listener.onStatus(status)
            news = true
        }
        if( news )
            onNews.run()
        return known
    }

    /** A genosched that has lost its state is told again: the ids make that safe. */
    private void submitForgotten(Set<String> known) {
        for( Map.Entry<String,Entry> it : entries.entrySet() ) {
            if( it.value.accepted && it.key !in known ) {
                log.warn "genosched no longer knows the task ${it.key}: it is submitted again"
                it.value.accepted = false
                orders.add(new Order(it.value, null))
            }
        }
    }

    // -- submits and kills

    private void sendLoop() {
        try {
            while( !closing ) {
                final batch = collect(orders.take())
                final submits = batch.findAll { Order it -> it.submit != null }.collect { Order it -> it.submit }
                final kills = batch.findAll { Order it -> it.kill != null }.collect { Order it -> it.kill }
                if( submits )
                    sendSubmits(submits)
                if( kills )
                    sendKills(kills)
            }
        }
        catch( InterruptedException ignored ) {
            log.trace 'The sender has ended'
        }
    }

    private List<Order> collect(Order first) {
        final batch = new ArrayList<Order>()
        batch.add(first)
        int size = weigh(first)
        final window = entries.size() > BUSY_TASKS ? BUSY_BATCH_MILLIS : BATCH_MILLIS
        final deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(window)
        while( batch.size() < BATCH_TASKS && size < BATCH_CHARS ) {
            final next = orders.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)
            if( next == null )
                break
            batch.add(next)
            size += weigh(next)
        }
        return batch
    }

    /** A generous estimate of the characters that an order takes in a message. */
    private static int weigh(Order order) {
        final inputs = order.submit?.task?.get('inputs')
        final Collection files = inputs instanceof Collection ? (Collection) inputs : Collections.emptyList()
        return 8192 + 1024 * files.size()
    }

    private void sendSubmits(List<Entry> batch) {
        final tasks = batch.collect { Entry it -> it.task }
        try {
            final reply = callPatiently('submit', [tasks: tasks] as Map)
            if( reply == null )
                return
            for( Entry entry : batch )
                entry.accepted = true
            for( Object item : (reply.get('rejected') as List ?: []) ) {
                final refusal = (Map) item
                refuse(refusal.get('id') as String, refusal.get('reason') as String)
            }
        }
        catch( GenoschedException e ) {
            if( batch.size() > 1 ) {
                // One task that genosched cannot read must not take the others with it.
                for( Entry entry : batch )
                    sendSubmits([entry])
                return
            }
            refuse(batch[0].task.get('id') as String, e.message)
        }
    }

    private void refuse(String id, String reason) {
        final entry = entries.remove(id)
        entry?.listener?.onRefused(reason ?: 'genosched gave no reason')
        onNews.run()
    }

    private void sendKills(List<String> ids) {
        try {
            callPatiently('kill', [ids: ids] as Map)
        }
        catch( GenoschedException e ) {
            log.warn "genosched could not stop ${ids.size()} tasks: ${e.message}"
        }
    }

    /** Sends until there is a reply, over restarts of genosched; null when there will be none. */
    private Map callPatiently(String method, Map params) {
        GenoschedProcess process = awaitOther(null)
        while( process != null ) {
            try {
                return process.call(method, params, REPLY_MILLIS)
            }
            catch( GenoschedGoneException e ) {
                log.debug "No reply to '$method', it will be sent again: ${e.message}"
                // If it hangs rather than died, the poll must notice as well.
                process.bury()
                process = awaitOther(process)
            }
        }
        return null
    }

    private static Thread daemon(String name, Runnable body) {
        final thread = new Thread(body, name)
        thread.daemon = true
        thread.start()
        return thread
    }
}
