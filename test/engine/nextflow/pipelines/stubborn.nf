// Tasks with children and grandchildren, one of which ignores SIGTERM, all
// recognisable in the process list by params.marker.

process STUBBORN {
    input:
    val n

    script:
    """
    echo "up $n" >> ${params.log}
    bash -c "trap '' TERM; exec -a ${params.marker}-deaf sleep 300" &
    bash -c "bash -c 'exec -a ${params.marker}-grandchild sleep 300'; true" &
    exec -a ${params.marker}-child sleep 300
    """
}

workflow {
    STUBBORN(Channel.of(1..4))
}
