include { SIMULATE      } from '../modules/local/simulate'
include { FLAKY         } from '../modules/local/flaky'
include { REPORT        } from '../modules/local/report'
include { BCFTOOLS_SORT } from '../modules/nf-core/bcftools/sort/main'
include { BY_CHROMOSOME } from '../subworkflows/local/by_chromosome'

workflow VARIANTS {
    take:
    samples // [ meta, [ chromosome, … ] ]

    main:
    ch_versions = Channel.empty()

    SIMULATE(samples)
    ch_versions = ch_versions.mix(SIMULATE.out.versions.first())

    BCFTOOLS_SORT(SIMULATE.out.vcf)
    ch_versions = ch_versions.mix(BCFTOOLS_SORT.out.versions.first())

    by_chromosome = BCFTOOLS_SORT.out.vcf
        .join(samples)
        .flatMap { meta, vcf, index, chromosomes ->
            chromosomes.collect { chr -> [meta + [chr: chr], vcf, index] }
        }
    BY_CHROMOSOME(by_chromosome)
    ch_versions = ch_versions.mix(BY_CHROMOSOME.out.versions)

    FLAKY()
    ch_versions = ch_versions.mix(FLAKY.out.versions)

    REPORT(BY_CHROMOSOME.out.stats.map { meta, stats -> stats }.collect())

    ch_versions
        .collectFile(storeDir: "${params.outdir}/pipeline_info", name: 'versions.yml', sort: true, newLine: true)

    emit:
    summary = REPORT.out.summary
}
