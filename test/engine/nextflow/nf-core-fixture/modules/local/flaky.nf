// Ends with 137 at the first attempt, as a tool does that was killed for its
// memory somewhere else: the pipeline's own errorStrategy has to repeat it.

process FLAKY {
    label 'process_high'

    output:
    path "flaky.txt"   , emit: text
    path "versions.yml", emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    """
    if [ ${task.attempt} -eq 1 ]; then exit 137; fi
    echo "attempt ${task.attempt}" > flaky.txt

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        bash: \$(bash --version | head -n 1 | sed 's/.*version //; s/ .*//')
    END_VERSIONS
    """

    stub:
    """
    touch flaky.txt versions.yml
    """
}
