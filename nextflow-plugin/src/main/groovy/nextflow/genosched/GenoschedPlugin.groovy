/*
 * Entry point of the plugin. Adds genosched's columns to the fields that
 * Nextflow can write to a trace file, before any observer reads that list.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.plugin.BasePlugin
import org.pf4j.PluginClassLoader
import org.pf4j.PluginWrapper

import java.nio.file.Path

@Slf4j
@CompileStatic
class GenoschedPlugin extends BasePlugin {

    /** Keep in step with the POM; a Spock test compares the two. */
    static final String VERSION = '0.1.0'

    /** Where the plugin is installed; null in Nextflow's development mode and in tests. */
    private static volatile Path installed

    GenoschedPlugin(PluginWrapper wrapper) {
        super(wrapper)
    }

    static Path getInstalled() { installed }

    @Override
    void start() {
        super.start()
        // Nextflow loads plugins through a link that goes away with the launch.
        installed = wrapper.pluginPath.toRealPath()
        addStandIns(wrapper)
        GenoschedTrace.registerFields()
    }

    /**
     * GenoschedScopeSpec implements an interface that came with Nextflow
     * 25.10. On older versions a stand-in lets the class load; on newer ones
     * it must stay out of the way of the real one.
     */
    private static void addStandIns(PluginWrapper wrapper) {
        final loader = wrapper.pluginClassLoader
        final folder = wrapper.pluginPath?.resolve('compat')?.toFile()
        if( loader !instanceof PluginClassLoader || !folder?.isDirectory() )
            return
        try {
            BasePlugin.classLoader.loadClass('nextflow.config.spec.ConfigScope')
        }
        catch( ClassNotFoundException ignored ) {
            ((PluginClassLoader) loader).addFile(folder)
        }
    }
}
