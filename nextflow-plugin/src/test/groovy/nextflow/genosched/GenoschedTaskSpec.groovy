package nextflow.genosched

import nextflow.util.MemoryUnit
import spock.lang.TempDir
import spock.lang.Unroll

import java.nio.file.Path

class GenoschedTaskSpec extends TaskFixture {

    static final long GB = 1L << 30

    @TempDir
    Path dir

    private static GenoschedTask translator(Map with = [:]) {
        return new GenoschedTask((with.pool ?: [cpus: 4, memory_bytes: 16 * GB]) as Map,
                with.clampCpus != false, with.clampMemory == true)
    }

    def 'should carry what the pipeline asked for'() {
        given:
        def task = aTask([cpus: 2, memory: '3 GB', time: '2h', disk: '5 GB', arch: 'linux/arm64',
                          accelerator: [request: 2, type: 'a100'], machineType: 'm5', tag: 'chr7',
                          resourceLabels: [team: 'genomics'], attempt: 2, ext: [priority: 5]],
                [dir: dir])
        expect:
        translator().translate(task, 'abc') == [
                id: 'abc', process: 'PHASE', name: 'PHASE (chr7)',
                command: ['/bin/bash', '-ue', '.command.run'], workdir: dir.toString(),
                stdout: "$dir/.command.log".toString(), stderr: "$dir/.command.log".toString(),
                cpus: 2, memory_bytes: 3 * GB, disk_bytes: 5 * GB, time_ms: 7_200_000L,
                gpus: 2, gpu_type: 'a100', arch: 'linux/arm64', machine_type: 'm5',
                labels: [tag: 'chr7', team: 'genomics'], priority: 5, attempt: 2, retry: 'engine']
    }

    def 'should leave out what the pipeline did not say'() {
        when:
        def message = translator().translate(aTask([:], [dir: dir]), 'abc')
        then:
        message.keySet() == ['id', 'process', 'name', 'command', 'workdir', 'stdout', 'stderr',
                             'cpus', 'attempt', 'retry'] as Set
        message.cpus == 1
        message.attempt == 1
    }

    def 'should pass the resource limit on as the cap for growth'() {
        when:
        def message = translator().translate(aTask([memory: '8 GB', resourceLimits: [memory: MemoryUnit.of('6 GB')]]), 'a')
        then:
        message.memory_bytes == 6 * GB
        message.memory_max_bytes == 6 * GB
    }

    def 'should list inputs with sizes and sum them up'() {
        given:
        def a = dir.resolve('a.vcf'); a.text = '12345'
        def b = dir.resolve('b.vcf'); b.text = '123'
        when:
        def message = translator().translate(aTask([ext: [features: [variants: 12, note: 'x']]], [files: [a: a, b: b, gone: dir.resolve('no')]]), 'i')
        then:
        message.inputs.toSet() == [[path: a.toString(), bytes: 5L], [path: b.toString(), bytes: 3L], [path: "$dir/no".toString()]] as Set
        message.features == [input_files: 3, input_bytes: 8L, variants: 12]
    }

    @Unroll
    def 'should lower #cpus CPUs and #memory to #gotCpus and #gotGb GB with #clamp'() {
        when:
        def message = translator(clamp).translate(aTask([cpus: cpus, memory: memory]), 'i')
        then:
        message.cpus == gotCpus
        message.memory_bytes == gotGb * GB
        where:
        cpus | memory  | clamp                                | gotCpus | gotGb
        12   | '72 GB' | [:]                                  | 4       | 72
        12   | '72 GB' | [clampMemory: true]                  | 4       | 16
        12   | '72 GB' | [clampCpus: false]                   | 12      | 72
        3    | '2 GB'  | [clampMemory: true]                  | 3       | 2
        12   | '72 GB' | [clampMemory: true, pool: [none: 0]] | 12      | 72
    }

    def 'should name the container, which the wrapper starts'() {
        expect:
        translator().translate(aTask([:], [container: 'quay.io/x:1']), 'i').container == [image: 'quay.io/x:1']
    }

    @Unroll
    def 'should find chromosome #expected in ext #ext and values #values'() {
        expect:
        GenoschedChromosome.of(aTask([ext: ext], [values: values])) == expected
        where:
        ext                  | values                                   | expected
        [chromosome: 'chr9'] | [chr: 'chr1']                            | 'chr9'
        [:]                  | [meta: [id: 's1', chr: 'chr21']]         | 'chr21'
        [:]                  | [meta: [id: 's1', chrom: 7]]             | '7'
        [:]                  | [meta: [id: 's1', region: 'chr2:1-500']] | 'chr2:1-500'
        [:]                  | [meta: [region: 'x:1-2', chr: 'chrX']]   | 'chrX'
        [:]                  | [chr: 'chr3']                            | 'chr3'
        [:]                  | [contig: 'NC_000007.14']                 | 'NC_000007.14'
        [:]                  | [meta: [id: 'chr4']]                     | null
        [:]                  | [region: 'EU', interval: '5min']         | null
        [:]                  | [region: 'EU', interval: 'chr5']         | 'chr5'
        [:]                  | [chr: ['chr1', 'chr2']]                  | null
        [:]                  | [region: 'the whole of it / all']        | null
        [:]                  | [:]                                      | null
    }

    @Unroll
    def 'should say #expected for source "#source", script "#script", memory #memory'() {
        expect:
        GenoschedMemoryUse.inScript(aTask([memory: memory], [source: source, script: script])) == expected
        where:
        source                              | script                           | memory  | expected
        'java -Xmx${task.memory.toGiga()}g' | 'java -Xmx4g -jar x.jar'         | '4 GB'  | true
        'def m = task . memory'             | 'echo'                           | '4 GB'  | true
        'tool $args'                        | 'tool --mem 4096 in'             | '4 GB'  | true
        'tool $args'                        | 'sort -S 4G in'                  | '4 GB'  | true
        'tool $args'                        | 'java -Xmx3276M -jar x.jar'      | '4 GB'  | true
        'tool $args'                        | 'tool --mem 4294967296'          | '4 GB'  | true
        'tool $args'                        | 'tool -@ 4 sample4G.vcf in.4.gz' | '4 GB'  | false
        'tool $args'                        | 'tool --seed 40960 x14G y4GB'    | '4 GB'  | false
        'echo task.memoryless'              | 'echo task.memoryless'           | '4 GB'  | false
        'tool'                              | 'tool --mem 4096'                | null    | false
    }

    def 'should name the same work alike, and other work otherwise'() {
        given:
        def file = dir.resolve('in.vcf')
        def prints = { Map with -> new GenoschedFingerprint().of(aTask([:], with), 'p#1') }
        def base = [script: 'a', values: [x: 1], files: [i: file]]
        expect:
        prints(base) == prints(base + [dir: dir, index: 5])
        prints(base) != prints(base + [script: 'b'])
        prints(base) != prints(base + [values: [x: 2]])
        prints(base) != prints(base + [files: [j: file]])
        prints(base) != prints(base + [files: [i: dir.resolve('other')]])
        prints(base) != prints(base + [process: 'OTHER'])
        prints(base) != prints(base + [container: 'img'])
    }

    def 'should tell tasks with the same work apart, but not the tries of one task'() {
        given:
        def prints = new GenoschedFingerprint()
        def task = aTask()
        expect:
        def first = prints.of(task, 'p#1')
        prints.of(task, 'p#2') != first
        prints.of(task, 'p#1') == first
        and: 'in the same way in the next launch'
        new GenoschedFingerprint().of(task, 'p#8') == first
    }
}
