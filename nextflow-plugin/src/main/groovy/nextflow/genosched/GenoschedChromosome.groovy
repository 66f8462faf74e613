/*
 * Which chromosome or region a task is about, where the pipeline says so in
 * words: `ext.chromosome`, an entry of a `meta` map, or an input value of a
 * telling name. What can only be guessed (the tag, file names, indexes) is
 * left to genosched, which knows assemblies and aliases.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.processor.TaskRun
import nextflow.script.params.InParam

import java.util.regex.Pattern

@Slf4j
@CompileStatic
class GenoschedChromosome {

    /** In the order in which they are believed. */
    private static final List<String> NAMES = List.of('chromosome', 'chrom', 'chr',
            'contig', 'region', 'interval', 'genomic_region')

    /** These may as well hold a country or a time: only what looks like a place on a genome is taken. */
    private static final Set<String> VAGUE = Set.of('region', 'interval', 'genomic_region')

    /** Short names, accessions and regions; nothing with spaces or slashes. */
    private static final Pattern PLAUSIBLE = ~/[A-Za-z0-9._*-]{1,64}(:[0-9,]+(-[0-9,]+)?)?/

    private static final Pattern PLACE = ~/(?i)[A-Z0-9._*-]+:[0-9,]+(-[0-9,]+)?|(chr)?([0-9]{1,2}|X|Y|MT?)/

    static String of(TaskRun task) {
        final own = plausible(GenoschedTask.extension(task, 'chromosome'))
        if( own != null )
            return own
        final named = new LinkedHashMap<String,String>()
        for( Map.Entry<InParam,Object> it : task.inputs.entrySet() ) {
            if( it.value instanceof Map )
                collect((Map) it.value, named)
            else
                keep(nameOf(it.key), it.value, named)
        }
        for( String name : NAMES )
            if( named.containsKey(name) )
                return named.get(name)
        return null
    }

    private static void collect(Map meta, Map<String,String> named) {
        for( Map.Entry it : meta.entrySet() )
            keep(it.key?.toString(), it.value, named)
    }

    private static void keep(String name, Object value, Map<String,String> named) {
        final key = name?.toLowerCase()
        if( key !in NAMES || named.containsKey(key) )
            return
        final text = plausible(value)
        if( text != null && (key !in VAGUE || PLACE.matcher(text).matches()) )
            named.put(key, text)
    }

    private static String nameOf(InParam param) {
        try {
            return param.name
        }
        catch( Exception ignored ) {
            return null // inputs such as stdin have no name
        }
    }

    private static String plausible(Object value) {
        if( value !instanceof CharSequence && value !instanceof Number )
            return null
        final text = value.toString().trim()
        return PLAUSIBLE.matcher(text).matches() ? text : null
    }
}
