// One task fails while two run and many wait: with 'finish' the two may end.

process STEP {
    errorStrategy 'finish'
    memory 50.MB

    input:
    val n

    script:
    """
    echo "begin $n" >> ${params.log}
    if [ $n -eq 1 ]; then sleep 1; exit 9; fi
    sleep 3
    echo "end $n" >> ${params.log}
    """
}

workflow {
    STEP(Channel.of(1..30))
}
