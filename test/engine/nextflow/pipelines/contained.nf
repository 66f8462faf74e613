process CONTAINED {
    container params.image
    memory 60.MB

    script:
    """
    echo "in \$PWD" >> ${params.log}
    python3 -c 'b = bytearray(90 * 1000 * 1000); print(len(b))'
    """
}

workflow {
    CONTAINED()
}
