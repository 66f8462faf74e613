/*
 * One life of `genosched serve`: the only class that owns the child process
 * and the JSON lines. Requests are matched to replies by id; everything that
 * is still open when the child ends fails with GenoschedGoneException.
 * Starting again is not its business: see GenoschedClient.
 */
package nextflow.genosched

import groovy.json.JsonOutput
import groovy.json.JsonSlurper
import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j

import java.nio.charset.StandardCharsets
import java.util.concurrent.CompletableFuture
import java.util.concurrent.ConcurrentHashMap
import java.util.concurrent.ExecutionException
import java.util.concurrent.TimeUnit
import java.util.concurrent.TimeoutException
import java.util.concurrent.atomic.AtomicLong

@Slf4j
@CompileStatic
class GenoschedProcess {

    /** A reply may be long (a poll after a restart names every task), but not endless. */
    private static final int MAX_REPLY_CHARS = 256 * 1024 * 1024
    private static final int KEPT_STDERR_LINES = 12
    /** Between the end of its stdout and its exit status. */
    private static final int BURIAL_MILLIS = 1000

    private final List<String> command
    private final ConcurrentHashMap<Long,CompletableFuture<Map>> waiting = new ConcurrentHashMap<>()
    private final AtomicLong lastId = new AtomicLong()
    private final ArrayDeque<String> lastWords = new ArrayDeque<>()
    private final Object writeLock = new Object()
    private volatile boolean gone
    private Process process
    private OutputStream toChild
    private Thread stderrThread

    GenoschedProcess(List<String> command) {
        this.command = command
    }

    /** Throws IOException if the program cannot be started. */
    void start() {
        process = new ProcessBuilder(command).start()
        toChild = new BufferedOutputStream(process.outputStream, 1 << 16)
        log.debug "Started genosched, pid ${process.pid()}: ${command.join(' ')}"
        stderrThread = daemon('genosched-stderr') { readStderr(process.errorStream) }
        daemon('genosched-reader') { readReplies(process.inputStream) }
    }

    long getPid() { process.pid() }

    boolean isAlive() { !gone && process != null && process.isAlive() }

    /** The last lines that genosched wrote to stderr, for an error report. */
    String lastWords() {
        stderrThread?.join(500)
        synchronized( lastWords ) {
            return lastWords.join('\n')
        }
    }

    /** The exit status, or null while it lives. */
    Integer exitStatus() {
        return process == null || process.isAlive() ? null : (Integer) process.exitValue()
    }

    CompletableFuture<Map> send(String method, Map params) {
        final long id = lastId.incrementAndGet()
        final line = JsonOutput.toJson([jsonrpc: '2.0', id: id, method: method, params: params]) + '\n'
        final reply = new CompletableFuture<Map>()
        waiting.put(id, reply)
        try {
            synchronized( writeLock ) {
                toChild.write(line.getBytes(StandardCharsets.UTF_8))
                toChild.flush()
            }
        }
        catch( IOException e ) {
            fail(id, new GenoschedGoneException("genosched no longer reads requests ($method)", e))
        }
        if( gone )
            fail(id, new GenoschedGoneException("genosched has ended ($method)"))
        return reply
    }

    /** Sends and waits. Throws GenoschedException or GenoschedGoneException. */
    Map call(String method, Map params, long timeoutMillis) {
        final reply = send(method, params)
        try {
            return reply.get(timeoutMillis, TimeUnit.MILLISECONDS)
        }
        catch( ExecutionException e ) {
            throw e.cause
        }
        catch( TimeoutException e ) {
            throw new GenoschedGoneException("genosched has not answered '$method' for ${timeoutMillis.intdiv(1000)} s", e)
        }
    }

    /**
     * Makes sure that a child which died or hangs is gone. Its stdin stays
     * open until then: the end of it would tell a genosched that is merely
     * slow that Nextflow is dead, and it would stop the tasks.
     */
    void bury() {
        if( process == null )
            return
        if( !process.waitFor(BURIAL_MILLIS, TimeUnit.MILLISECONDS) )
            process.destroyForcibly().waitFor(5, TimeUnit.SECONDS)
        close(0)
    }

    /** Closes its stdin, gives it `graceMillis` to end, then kills it. */
    void close(long graceMillis) {
        if( process == null )
            return
        try {
            toChild.close()
        }
        catch( IOException ignored ) {
            // it has closed its end first
        }
        if( !process.waitFor(graceMillis, TimeUnit.MILLISECONDS) ) {
            log.warn "genosched (pid ${process.pid()}) did not end by itself within ${graceMillis} ms: it is killed"
            process.destroyForcibly().waitFor(5, TimeUnit.SECONDS)
        }
    }

    private void readReplies(InputStream stream) {
        String why = 'genosched has ended'
        try {
            final reader = new InputStreamReader(stream, StandardCharsets.UTF_8)
            final line = new StringBuilder()
            final buffer = new char[1 << 16]
            int n
            while( (n = reader.read(buffer)) > 0 ) {
                int from = 0
                for( int i = 0; i < n; i++ ) {
                    if( buffer[i] != ('\n' as char) )
                        continue
                    line.append(buffer, from, i - from)
                    handleLine(line.toString())
                    line.setLength(0)
                    from = i + 1
                }
                line.append(buffer, from, n - from)
                if( line.length() > MAX_REPLY_CHARS )
                    throw new IOException("a reply of genosched is longer than $MAX_REPLY_CHARS characters")
            }
            if( line.length() > 0 )
                log.warn "genosched ended in the middle of a reply (${line.length()} characters of it are dropped)"
        }
        catch( IOException e ) {
            why = "reading from genosched failed: ${e.message}"
        }
        finally {
            ended(why)
        }
    }

    private void handleLine(String line) {
        if( !line.trim() )
            return
        Map reply = null
        try {
            final parsed = new JsonSlurper().parseText(line)
            if( parsed instanceof Map )
                reply = (Map) parsed
        }
        catch( Exception e ) {
            log.trace 'Not JSON', e
        }
        final id = reply?.get('id')
        final future = id instanceof Number ? waiting.remove(((Number) id).longValue()) : null
        if( future == null ) {
            final shown = line.length() > 200 ? line.substring(0, 200) + '…' : line
            log.warn "Ignored a line from genosched that answers no request: $shown"
            return
        }
        if( reply.get('error') instanceof Map )
            future.completeExceptionally(toException((Map) reply.get('error')))
        else if( reply.get('result') instanceof Map )
            future.complete((Map) reply.get('result'))
        else
            future.completeExceptionally(new GenoschedException(0, "genosched answered neither a result nor an error"))
    }

    private static GenoschedException toException(Map error) {
        final code = error.get('code') instanceof Number ? ((Number) error.get('code')).intValue() : 0
        final data = error.get('data') instanceof Map ? (Map) error.get('data') : null
        return new GenoschedException(code, error.get('message')?.toString() ?: 'unknown error', data)
    }

    private void readStderr(InputStream stream) {
        try {
            final reader = new BufferedReader(new InputStreamReader(stream, StandardCharsets.UTF_8))
            String line
            while( (line = reader.readLine()) != null ) {
                log.debug "[genosched] $line"
                synchronized( lastWords ) {
                    lastWords.addLast(line)
                    if( lastWords.size() > KEPT_STDERR_LINES )
                        lastWords.removeFirst()
                }
            }
        }
        catch( IOException e ) {
            log.debug "The stderr of genosched is closed: ${e.message}"
        }
    }

    private void ended(String why) {
        gone = true
        for( Long id : new ArrayList<Long>(waiting.keySet()) )
            fail(id, new GenoschedGoneException(why))
    }

    private void fail(Long id, Exception e) {
        waiting.remove(id)?.completeExceptionally(e)
    }

    private static Thread daemon(String name, Runnable body) {
        final thread = new Thread(body, name)
        thread.daemon = true
        thread.start()
        return thread
    }
}
