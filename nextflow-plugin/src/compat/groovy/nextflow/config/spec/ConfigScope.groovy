/*
 * Stands in for Nextflow's interface of the same name while the plugin is
 * compiled against a Nextflow older than 25.10. Compiled, never packaged: at
 * run time the class is Nextflow's own, or GenoschedScopeSpec stays unloaded.
 */
package nextflow.config.spec

import org.pf4j.ExtensionPoint

interface ConfigScope extends ExtensionPoint {
}
