/*
 * The `genosched` scope as typed values, checked once at the start. A wrong
 * key or value stops the pipeline before any task runs: an option that is
 * silently ignored is worse than none. Declared for Nextflow in
 * GenoschedScope; a Spock test keeps the two lists the same.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.exception.AbortOperationException
import nextflow.util.Duration
import nextflow.util.MemoryUnit

@CompileStatic
class GenoschedConfig {

    static final List<String> KEYS = List.of('binary', 'stateDir', 'configFile',
            'config', 'backend', 'memory', 'cpus', 'gpus', 'enforce', 'limits',
            'predict', 'javaHeap', 'adopt', 'onEngineExit', 'maxOomRetries',
            'maxLostRetries', 'settle', 'clamp', 'shutdownTimeout', 'logLevel')

    private static final int DEFAULT_LOST_RETRIES = 3
    private static final Duration DEFAULT_SHUTDOWN = Duration.of('60s')

    final String binary
    final String configFile
    final int maxLostRetries
    final boolean clampCpus
    final boolean clampMemory
    final Duration shutdownTimeout

    private final Map options

    GenoschedConfig(Map options) {
        this.options = options ?: Collections.emptyMap()
        rejectUnknownKeys()
        binary = text('binary')
        configFile = text('configFile')
        maxLostRetries = (integer('maxLostRetries', 0) ?: (options?.get('maxLostRetries') == null
                ? DEFAULT_LOST_RETRIES : 0)) as int
        final String clamp = choice('clamp', ['cpus', 'memory', 'all', 'none']) ?: 'cpus'
        clampCpus = clamp in ['cpus', 'all']
        clampMemory = clamp in ['memory', 'all']
        shutdownTimeout = duration('shutdownTimeout') ?: DEFAULT_SHUTDOWN
        configMap() // checks every other value now rather than at the first use
    }

    /**
     * What goes to genosched with `initialize.config`: the keys of its own
     * configuration. Only what the user has set, so that genosched's
     * configuration file keeps its say in everything else.
     */
    Map<String,Object> configMap() {
        final result = deepCopy(mapOption('config'))
        put(result, text('backend'), 'backend')
        put(result, path(text('stateDir')), 'state_dir')
        put(result, bytes('memory'), 'local', 'memory')
        put(result, integer('cpus', 1), 'local', 'cpus')
        put(result, integer('gpus', 0), 'local', 'gpus')
        put(result, choice('enforce', ['auto', 'cgroup', 'pss', 'none']), 'local', 'enforce')
        put(result, choice('limits', ['task', 'pooled']), 'limits')
        put(result, bool('predict'), 'predict', 'enabled')
        put(result, fraction('javaHeap'), 'predict', 'java_heap')
        put(result, bool('adopt'), 'adopt')
        put(result, choice('onEngineExit', ['cancel', 'detach']), 'on_engine_exit')
        put(result, integer('maxOomRetries', 0), 'retry', 'max_oom')
        put(result, integer('maxLostRetries', 0), 'retry', 'max_lost')
        put(result, duration('settle')?.toMillis(), 'settle_ms')
        put(result, choice('logLevel', ['error', 'warn', 'info', 'debug']), 'log', 'level')
        return result
    }

    private void rejectUnknownKeys() {
        for( Object key : options.keySet() ) {
            if( key.toString() in KEYS )
                continue
            final near = nearest(key.toString(), KEYS)
            throw new AbortOperationException("Unknown option 'genosched.$key' in the Nextflow configuration" +
                    (near ? " -- did you mean 'genosched.$near'?" : '') +
                    " The options are: ${KEYS.join(', ')}. Keys of genosched.yaml go into 'genosched.config', a map.")
        }
    }

    /** The candidate that a typing error most likely meant; null when none is near. */
    static String nearest(String word, List<String> candidates) {
        String best = null
        int least = Math.max(2, word.length().intdiv(3) as int) + 1
        for( String candidate : candidates ) {
            final distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
            if( distance < least ) {
                least = distance
                best = candidate
            }
        }
        return best
    }

    private static int editDistance(String a, String b) {
        int[] row = new int[b.length() + 1]
        for( int j = 0; j <= b.length(); j++ )
            row[j] = j
        for( int i = 1; i <= a.length(); i++ ) {
            int diagonal = row[0]
            row[0] = i
            for( int j = 1; j <= b.length(); j++ ) {
                final cost = a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1
                final value = Math.min(Math.min(row[j] + 1, row[j - 1] + 1), diagonal + cost)
                diagonal = row[j]
                row[j] = value
            }
        }
        return row[b.length()]
    }

    private static AbortOperationException wrong(String key, Object value, String expected) {
        return new AbortOperationException("The option 'genosched.$key' in the Nextflow configuration is" +
                " '$value', but $expected is expected. Change it, or remove the line to use the default.")
    }

    private String text(String key) {
        final value = options.get(key)
        if( value == null )
            return null
        if( value !instanceof CharSequence || !value.toString().trim() )
            throw wrong(key, value, 'a text that is not empty')
        return value.toString()
    }

    private static String path(String value) {
        if( value == null )
            return null
        final home = System.getProperty('user.home')
        final full = value == '~' || value.startsWith('~/') ? home + value.substring(1) : value
        return new File(full).absolutePath
    }

    private Map mapOption(String key) {
        final value = options.get(key)
        if( value == null )
            return Collections.emptyMap()
        if( value !instanceof Map )
            throw wrong(key, value, "a map such as [local: [memory: '16 GiB']]")
        return (Map) value
    }

    private Boolean bool(String key) {
        final value = options.get(key)
        if( value == null || value instanceof Boolean )
            return (Boolean) value
        if( value.toString() in ['true', 'false'] )
            return value.toString() == 'true'
        throw wrong(key, value, 'true or false')
    }

    private Integer integer(String key, int least) {
        final value = options.get(key)
        if( value == null )
            return null
        if( !value.toString().isInteger() || value.toString().toInteger() < least )
            throw wrong(key, value, "a whole number of at least $least")
        return value.toString().toInteger()
    }

    private BigDecimal fraction(String key) {
        final value = options.get(key)
        if( value == null )
            return null
        final number = value.toString().isBigDecimal() ? value.toString().toBigDecimal() : -1G
        if( number < 0 || number > 1 )
            throw wrong(key, value, 'a number from 0 to 1')
        return number
    }

    private Long bytes(String key) {
        final value = options.get(key)
        if( value == null )
            return null
        try {
            final size = value instanceof MemoryUnit ? (MemoryUnit) value : new MemoryUnit(value.toString().trim())
            if( size.toBytes() > 0 )
                return size.toBytes()
        }
        catch( IllegalArgumentException ignored ) {
            // said below, with the name of the option
        }
        throw wrong(key, value, "a size such as '16 GB'")
    }

    private Duration duration(String key) {
        final value = options.get(key)
        if( value == null )
            return null
        try {
            return value instanceof Duration ? (Duration) value : Duration.of(value.toString().trim())
        }
        catch( IllegalArgumentException ignored ) {
            throw wrong(key, value, "a time such as '50 ms'")
        }
    }

    private String choice(String key, List<String> allowed) {
        final value = options.get(key)
        if( value == null )
            return null
        if( value.toString() !in allowed )
            throw wrong(key, value, "one of ${allowed.join(', ')}")
        return value.toString()
    }

    private static void put(Map<String,Object> target, Object value, String... keys) {
        if( value == null )
            return
        Map<String,Object> here = target
        for( int i = 0; i < keys.length - 1; i++ ) {
            Object next = here.get(keys[i])
            if( next !instanceof Map ) {
                next = new LinkedHashMap<String,Object>()
                here.put(keys[i], next)
            }
            here = (Map<String,Object>) next
        }
        here.put(keys[keys.length - 1], value)
    }

    /** A copy with plain values only: JSON knows no sizes and no times. */
    private static Map<String,Object> deepCopy(Map source) {
        final result = new LinkedHashMap<String,Object>()
        for( Map.Entry entry : source.entrySet() )
            result.put(entry.key.toString(), plain(entry.value))
        return result
    }

    private static Object plain(Object value) {
        if( value instanceof Map )
            return deepCopy((Map) value)
        if( value instanceof Collection ) {
            final result = new ArrayList<Object>()
            for( Object item : (Collection) value )
                result.add(plain(item))
            return result
        }
        if( value instanceof MemoryUnit )
            return ((MemoryUnit) value).toBytes()
        if( value instanceof Duration )
            return ((Duration) value).toMillis()
        if( value == null || value instanceof Number || value instanceof Boolean )
            return value
        return value.toString()
    }
}
