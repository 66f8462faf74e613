process REPORT {
    label 'process_single'

    input:
    path stats

    output:
    path "summary.txt", emit: summary

    script:
    """
    for file in ${stats}; do
        name=\$(basename \$file .bcftools_stats.txt)
        echo "\${name%%.*} \${name#*.} \$(awk -F '\\t' '/number of records:/ { print \$4 }' \$file)"
    done | sort > summary.txt
    """

    stub:
    """
    touch summary.txt
    """
}
