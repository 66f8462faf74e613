// Everything that a task can come to without ending the pipeline, in one
// launch: each process writes what happened to it into params.log.

process GREET {
    tag "${meta.id} ${meta.chr}"
    memory 100.MB
    cpus 1
    resourceLabels team: 'genomics'

    input:
    tuple val(meta), path(letter)

    output:
    path 'answer.txt'

    script:
    """
    echo "\$(cat ${letter}) ${meta.chr} \$GENOSCHED_CPUS \$GENOSCHED_MEMORY_MB" > answer.txt
    """
}

process RETRIED {
    errorStrategy 'retry'
    maxRetries 2
    memory { 100.MB * task.attempt }

    script:
    """
    echo "RETRIED attempt=${task.attempt}" >> ${params.log}
    [ ${task.attempt} -gt 1 ] || exit 7
    """
}

process IGNORED {
    errorStrategy 'ignore'

    script:
    """
    echo "to the report" >&2
    exit 5
    """
}

// Needs some 240 MB and asks for 60; nothing in the pipeline repeats it.
process HUNGRY {
    memory 60.MB

    input:
    val n

    output:
    val n

    script:
    """
    echo "HUNGRY $n attempt=${task.attempt} dir=\$PWD mb=\$GENOSCHED_MEMORY_MB" >> ${params.log}
    python3 -c 'b = bytearray(240 * 1000 * 1000); print(len(b))'
    """
}

process ARRAYED {
    array 3

    input:
    val n

    output:
    val n

    script:
    """
    echo "ARRAYED $n" >> ${params.log}
    """
}

process MEASURED {
    memory 800.MB

    script:
    """
    dd if=/dev/zero of=block bs=1M count=30 status=none
    python3 -c '
    import time
    b = bytearray(300 * 1000 * 1000)
    end = time.process_time() + 1.5
    while time.process_time() < end: pass
    '
    """
}

process ELSEWHERE {
    executor 'local'

    script:
    """
    echo "ELSEWHERE \${GENOSCHED_TASK_ID:-none}" >> ${params.log}
    """
}

process NATIVE {
    input:
    val n

    output:
    val m

    exec:
    m = n * 2
}

process WITH_EXT {
    ext chromosome: 'chr17', features: [variants: 1234]

    script:
    """
    true
    """
}

workflow {
    letter = file(params.letter)
    GREET(Channel.of(['s1', 'chr1'], ['s1', 'chr2'], ['s2', 'chrX'])
        .map { id, chr -> [[id: id, chr: chr], letter] })
        .collectFile(name: 'answers.txt', sort: true, storeDir: params.out)
    RETRIED()
    IGNORED()
    HUNGRY(Channel.of(1, 2)).collectFile(name: 'hungry.txt', sort: true, storeDir: params.out) { "$it\n" }
    ARRAYED(Channel.of(1..7)).collectFile(name: 'arrayed.txt', sort: true, storeDir: params.out) { "$it\n" }
    MEASURED()
    ELSEWHERE()
    NATIVE(Channel.of(21)).collectFile(name: 'native.txt', storeDir: params.out) { "$it\n" }
    WITH_EXT()
}
