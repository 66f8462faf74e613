process BCFTOOLS_STATS {
    tag "${meta.id} ${meta.chr}"
    label 'process_single'

    input:
    tuple val(meta), path(vcf)

    output:
    tuple val(meta), path("*stats.txt"), emit: stats
    path "versions.yml"                , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = task.ext.prefix ?: "${meta.id}.${meta.chr}"
    """
    bcftools stats \\
        ${args} \\
        ${vcf} > ${prefix}.bcftools_stats.txt

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        bcftools: \$(bcftools --version 2>&1 | head -n1 | sed 's/^.*bcftools //; s/ .*\$//')
    END_VERSIONS
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}.${meta.chr}"
    """
    echo "SN	0	number of records:	0" > ${prefix}.bcftools_stats.txt
    touch versions.yml
    """
}
