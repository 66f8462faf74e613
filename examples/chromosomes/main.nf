#!/usr/bin/env nextflow
/*
 * A polygenic score for every person of a cohort, chromosome by chromosome:
 * quality control, phasing, imputation, score; then one table for all.
 *
 * Every process names its memory once, for all chromosomes, as one does who
 * does not know yet how much each will need. No script mentions its memory:
 * Java's heap is set from what the task was granted (see nextflow.config).
 */

process QC {
    tag "$chromosome"

    input:
    tuple val(chromosome), path(target)

    output:
    tuple val(chromosome), path("${chromosome}.qc.vcf.gz")

    script:
    """
    bcftools norm --no-version --rm-dup exact --output-type u $target \\
        | bcftools +fill-tags --no-version --output-type u -- \\
            --tags F_MISSING,MAF,HWE \\
        | bcftools view --no-version --output-type z \\
            --include '${params.qc}' --output ${chromosome}.qc.vcf.gz
    """
}

process PHASE {
    tag "$chromosome"

    input:
    tuple val(chromosome), path(target), path(panel), path(map)

    output:
    tuple val(chromosome), path("${chromosome}.phased.vcf.gz")

    script:
    """
    beagle gt=$target ref=$panel map=$map impute=false \\
        out=${chromosome}.phased ${params.beagle} \\
        seed=${params.seed} nthreads=${task.cpus}
    """
}

process IMPUTE {
    tag "$chromosome"

    input:
    tuple val(chromosome), path(phased), path(panel), path(map)

    output:
    tuple val(chromosome), path("${chromosome}.imputed.vcf.gz")

    script:
    """
    beagle gt=$phased ref=$panel map=$map \\
        out=${chromosome}.imputed ${params.beagle} \\
        seed=${params.seed} nthreads=${task.cpus}
    """
}

process SCORE {
    tag "$chromosome"

    input:
    tuple val(chromosome), path(imputed), path(weights)

    output:
    path "${chromosome}.sscore"

    script:
    """
    plink2 --vcf $imputed dosage=DS --out $chromosome --threads ${task.cpus} \\
        --score $weights 1 2 3 header no-mean-imputation cols=scoresums
    """
}

process MERGE {
    publishDir params.outdir, mode: 'copy'

    input:
    path scores

    output:
    path 'scores.tsv'

    script:
    """
    merge_scores.py $scores > scores.tsv
    """
}

def cohortFile(kind, chromosome, suffix) {
    file("${params.cohort}/${kind}/${chromosome}.${suffix}",
        checkIfExists: true)
}

workflow {
    if (!params.cohort) {
        error "Which cohort? Give its folder with --cohort DIR " +
            "(make_cohort.py makes one and prints where it is)."
    }
    chromosomes = Channel.fromList(params.chromosomes.tokenize(', '))
    targets = chromosomes.map { c -> [c, cohortFile('target', c, 'vcf.gz')] }
    weights = chromosomes.map { c -> [c, cohortFile('weights', c, 'tsv')] }
    references = chromosomes.map { c ->
        [c, cohortFile('panel', c, 'vcf.gz'), cohortFile('map', c, 'map')]
    }

    QC(targets)
    PHASE(QC.out.join(references))
    IMPUTE(PHASE.out.join(references))
    SCORE(IMPUTE.out.join(weights))
    MERGE(SCORE.out.collect())
}
