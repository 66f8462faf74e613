package nextflow.genosched

import nextflow.config.schema.ConfigOption
import nextflow.exception.AbortOperationException
import nextflow.script.dsl.Description
import nextflow.util.Duration
import nextflow.util.MemoryUnit
import spock.lang.Specification
import spock.lang.Unroll

class GenoschedConfigSpec extends Specification {

    def 'should declare to Nextflow exactly the options that it reads'() {
        when:
        def declared = GenoschedScope.declaredFields.findAll { it.getAnnotation(ConfigOption) }
        then:
        declared*.name.sort() == GenoschedConfig.KEYS.sort(false)
        declared.every { it.getAnnotation(Description)?.value() }
        and: 'for newer versions of Nextflow as well'
        GenoschedScopeSpec.declaredFields.findAll { it.getAnnotation(nextflow.config.spec.ConfigOption) }*.name.sort() ==
                GenoschedConfig.KEYS.sort(false)
    }

    def 'should send nothing that the user has not set'() {
        expect:
        new GenoschedConfig(null).configMap() == [:]
        new GenoschedConfig([:]).configMap() == [:]
    }

    def 'should have sensible defaults'() {
        when:
        def config = new GenoschedConfig([:])
        then:
        config.binary == null
        config.maxLostRetries == 3
        config.clampCpus
        !config.clampMemory
        config.shutdownTimeout == Duration.of('60s')
    }

    def 'should translate options to the keys of genosched'() {
        when:
        def config = new GenoschedConfig(
                backend: 'local', stateDir: '/var/g', memory: MemoryUnit.of('16 GB'), cpus: 8, gpus: 0,
                enforce: 'cgroup', limits: 'pooled', predict: false, javaHeap: 0.7, adopt: true,
                onEngineExit: 'detach', maxOomRetries: 2, maxLostRetries: 0, settle: '80 ms', logLevel: 'debug')
        then:
        config.configMap() == [
                backend: 'local', state_dir: '/var/g', limits: 'pooled', adopt: true, on_engine_exit: 'detach',
                local: [memory: 16L << 30, cpus: 8, gpus: 0, enforce: 'cgroup'],
                predict: [enabled: false, java_heap: 0.7], retry: [max_oom: 2, max_lost: 0],
                settle_ms: 80, log: [level: 'debug']]
        config.maxLostRetries == 0
    }

    def 'should let options win over the config map and make its values plain'() {
        when:
        def config = new GenoschedConfig(memory: '1 GB',
                config: [local: [memory: '2 GB', disk: MemoryUnit.of('3 GB')], settle_ms: Duration.of('1s'), list: ["${1 + 1}"]])
        then:
        config.configMap() == [local: [memory: 1L << 30, disk: 3L << 30], settle_ms: 1000, list: ['2']]
    }

    @Unroll
    def 'should refuse #options with a hint'() {
        when:
        new GenoschedConfig(options)
        then:
        def e = thrown(AbortOperationException)
        words.every { e.message.contains(it) }
        where:
        options              | words
        [memroy: '1 GB']     | ["'genosched.memroy'", "did you mean 'genosched.memory'?"]
        [statedir: 'x']      | ["did you mean 'genosched.stateDir'?"]
        [xyzzy: 1]           | ["'genosched.xyzzy'", 'The options are: binary']
        [memory: 'much']     | ["'genosched.memory'", "'much'", "'16 GB'"]
        [memory: 0]          | ["'genosched.memory'"]
        [cpus: 0]            | ["'genosched.cpus'", 'at least 1']
        [cpus: 1.5]          | ["'genosched.cpus'", 'whole number']
        [javaHeap: 2]        | ["'genosched.javaHeap'", 'from 0 to 1']
        [onEngineExit: 'no'] | ["'genosched.onEngineExit'", 'cancel, detach']
        [adopt: 'perhaps']   | ["'genosched.adopt'", 'true or false']
        [clamp: 'disk']      | ["'genosched.clamp'", 'cpus, memory, all, none']
        [config: 'a.yaml']   | ["'genosched.config'", 'a map']
        [settle: 'soon']     | ["'genosched.settle'", "'50 ms'"]
        [binary: ' ']        | ["'genosched.binary'", 'not empty']
    }

    def 'should not guess where nothing is near'() {
        expect:
        GenoschedConfig.nearest('qqqqqq', GenoschedConfig.KEYS) == null
        GenoschedConfig.nearest('javaheap', GenoschedConfig.KEYS) == 'javaHeap'
        GenoschedConfig.nearest('binaryy', GenoschedConfig.KEYS) == 'binary'
    }

    def 'should be of the same version as the build'() {
        given:
        def pom = new groovy.xml.XmlSlurper().parse(new File('pom.xml'))
        expect:
        GenoschedPlugin.VERSION == pom.version.text()
    }
}
