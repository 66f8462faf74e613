// Ends in failure, in the way that params.how names.

process EXITS {
    script:
    """
    echo "this went to stdout"
    echo "the reason is here" >&2
    exit 3
    """
}

process TOO_HUNGRY {
    memory 60.MB
    resourceLimits memory: 150.MB

    script:
    """
    echo "TOO_HUNGRY attempt=${task.attempt}" >> ${params.log}
    python3 -c 'b = bytearray(600 * 1000 * 1000); print(len(b))'
    """
}

process TOO_SLOW {
    time '2s'

    script:
    """
    sleep 60
    """
}

process TOO_BIG {
    memory 900.TB

    script:
    """
    true
    """
}

workflow {
    if (params.how == 'exit') { EXITS() }
    if (params.how == 'oom') { TOO_HUNGRY() }
    if (params.how == 'time') { TOO_SLOW() }
    if (params.how == 'size') { TOO_BIG() }
}
