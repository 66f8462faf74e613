// Tasks that write down when they begin and end, in a file that everything
// else has to agree with. params: tasks, seconds, log, out.

process STEP {
    tag "chr$n"
    memory 50.MB

    input:
    val n

    output:
    path 'done.txt'

    script:
    """
    echo "begin $n \$(date +%s%3N) \$\$" >> ${params.log}
    sleep ${params.seconds}
    echo "end $n \$(date +%s%3N) \$\$" >> ${params.log}
    echo $n > done.txt
    """
}

workflow {
    STEP(Channel.of(1..params.tasks)).collectFile(name: 'steps.txt', sort: true, storeDir: params.out)
}
