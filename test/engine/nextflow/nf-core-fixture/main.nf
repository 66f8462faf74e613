#!/usr/bin/env nextflow
/*
 * A pipeline in the shape that nf-core pipelines have: meta maps, process
 * labels, resource requests that grow with the attempt, ext.args closures in
 * modules.config, versions.yml of every tool, stub blocks. Small enough to
 * run in seconds; it knows nothing of any executor.
 */

include { VARIANTS } from './workflows/variants'

workflow {
    samples = Channel.fromPath(params.input, checkIfExists: true)
        .splitCsv(header: true)
        .map { row -> [[id: row.sample, seed: row.seed as Integer], row.chromosomes.tokenize(';')] }
    VARIANTS(samples)
}
