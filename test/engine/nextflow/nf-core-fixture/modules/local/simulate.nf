// Writes an unsorted VCF with a hundred variants on each chromosome.

process SIMULATE {
    tag "$meta.id"
    label 'process_single'

    input:
    tuple val(meta), val(chromosomes)

    output:
    tuple val(meta), path("*.vcf"), emit: vcf
    path "versions.yml"           , emit: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    awk -v seed=${meta.seed} -v sample=${meta.id} -v list='${chromosomes.join(' ')}' 'BEGIN {
        srand(seed)
        print "##fileformat=VCFv4.2"
        n = split(list, chr, " ")
        for (c = 1; c <= n; c++) print "##contig=<ID=" chr[c] ",length=50000000>"
        print "##FORMAT=<ID=GT,Number=1,Type=String,Description=\\"Genotype\\">"
        print "#CHROM\\tPOS\\tID\\tREF\\tALT\\tQUAL\\tFILTER\\tINFO\\tFORMAT\\t" sample
        for (c = n; c >= 1; c--)
            for (i = 100; i >= 1; i--)
                print chr[c] "\\t" i * 1000 + int(rand() * 900) "\\t.\\tA\\tG\\t.\\tPASS\\t.\\tGT\\t0/1"
    }' > ${prefix}.vcf

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        awk: \$(awk -W version 2>&1 | head -n 1 | tr -d ':')
    END_VERSIONS
    """

    stub:
    def prefix = task.ext.prefix ?: "${meta.id}"
    """
    touch ${prefix}.vcf
    touch versions.yml
    """
}
