// Many tasks of nothing at all.

process NOTHING {
    input:
    val n

    output:
    val n

    script:
    """
    true
    """
}

workflow {
    NOTHING(Channel.of(1..params.tasks)).collectFile(name: 'many.txt', storeDir: params.out) { "$it\n" }
}
