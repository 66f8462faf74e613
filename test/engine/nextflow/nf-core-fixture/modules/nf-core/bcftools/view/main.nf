process BCFTOOLS_VIEW {
    tag "${meta.id} ${meta.chr}"
    label 'process_low'

    input:
    tuple val(meta), path(vcf), path(index)

    output:
    tuple val(meta), path("*.chr*.vcf.gz"), emit: vcf
    path "versions.yml"                   , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    bcftools \\
        view \\
        --output ${prefix}.vcf.gz \\
        ${args} \\
        --threads ${task.cpus} \\
        ${vcf}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        bcftools: \$(bcftools --version 2>&1 | head -n1 | sed 's/^.*bcftools //; s/ .*\$//')
    END_VERSIONS
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.vcf.gz
    touch versions.yml
    """
}
