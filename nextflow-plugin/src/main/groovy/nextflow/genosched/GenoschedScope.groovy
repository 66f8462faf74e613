/*
 * Declares the options of the `genosched` scope, so that Nextflow can check
 * and document them. Nothing is computed here: GenoschedConfig reads the
 * values. The build derives GenoschedScopeSpec from this file for the newer
 * configuration interfaces: keep the class to declarations.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.config.schema.ConfigOption
import nextflow.config.schema.ConfigScope
import nextflow.config.schema.ScopeName
import nextflow.script.dsl.Description
import nextflow.util.Duration
import nextflow.util.MemoryUnit

@ScopeName('genosched')
@Description('The `genosched` scope configures the `genosched` executor.')
@CompileStatic
class GenoschedScope implements ConfigScope {

    @ConfigOption
    @Description('Path or name of the genosched program (default: the one bundled in the plugin, then the one on `PATH`).')
    String binary

    @ConfigOption
    @Description('Folder for the state of runs and the learned history (default: `$GENOSCHED_STATE`, else `~/.local/state/genosched`).')
    String stateDir

    @ConfigOption
    @Description('Path of a `genosched.yaml` (default: where genosched looks for one by itself).')
    String configFile

    @ConfigOption
    @Description('Any keys of `genosched.yaml` as a map; they win over the file, the options of this scope win over them.')
    Map config

    @ConfigOption
    @Description('Where tasks run, for example `local` (default: as genosched is configured).')
    String backend

    @ConfigOption
    @Description('Memory that tasks may use together on this machine, for example `16.GB` (default: what is available).')
    MemoryUnit memory

    @ConfigOption
    @Description('CPUs that tasks may use together on this machine (default: all).')
    Integer cpus

    @ConfigOption
    @Description('GPUs that tasks may use together on this machine (default: all).')
    Integer gpus

    @ConfigOption
    @Description('How memory limits are enforced: `auto`, `cgroup`, `pss` or `none` (default: `auto`).')
    String enforce

    @ConfigOption
    @Description('Whether limits belong to each `task` or are `pooled` over the machine (default: as genosched is configured).')
    String limits

    @ConfigOption
    @Description('Predict the memory of tasks from earlier ones (default: `true`).')
    Boolean predict

    @ConfigOption
    @Description('Fraction of the memory limit that Java tools get as heap; `0` leaves them alone (default: `0.8`).')
    Double javaHeap

    @ConfigOption
    @Description('Take over tasks of an earlier launch of the same run that Nextflow lost sight of (default: `true`).')
    Boolean adopt

    @ConfigOption
    @Description('What becomes of running tasks when Nextflow dies: `cancel` or `detach` (default: `cancel` on this machine).')
    String onEngineExit

    @ConfigOption
    @Description('How often a task that ran out of memory is repeated with more (default: `3`).')
    Integer maxOomRetries

    @ConfigOption
    @Description('How often a task whose fate is unknown is repeated (default: `3`).')
    Integer maxLostRetries

    @ConfigOption
    @Description('How long genosched collects tasks before it places them (default: `50 ms`).')
    Duration settle

    @ConfigOption
    @Description('Which requests are lowered to what the machine has instead of being refused: `cpus`, `memory`, `all` or `none` (default: `cpus`).')
    String clamp

    @ConfigOption
    @Description('How long to wait for tasks to stop when the pipeline ends early (default: `60 s`).')
    Duration shutdownTimeout

    @ConfigOption
    @Description('Level of genosched\'s own log: `error`, `warn`, `info` or `debug` (default: `info`).')
    String logLevel
}
