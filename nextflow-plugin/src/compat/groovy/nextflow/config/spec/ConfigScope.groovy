/*
 * Stands in for Nextflow's interface of the same name while the plugin is
 * compiled against a Nextflow older than 25.10, and while it runs on one. It
 * lies apart in the plugin's compat/ folder: GenoschedPlugin says when it is used.
 */
package nextflow.config.spec

import org.pf4j.ExtensionPoint

interface ConfigScope extends ExtensionPoint {
}
