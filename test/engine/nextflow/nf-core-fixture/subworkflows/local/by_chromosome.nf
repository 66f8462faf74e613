// Splits each sample by chromosome and counts what is there.

include { BCFTOOLS_VIEW  } from '../../modules/nf-core/bcftools/view/main'
include { BCFTOOLS_STATS } from '../../modules/nf-core/bcftools/stats/main'

workflow BY_CHROMOSOME {
    take:
    vcf // [ meta with chr, vcf, index ]

    main:
    ch_versions = Channel.empty()

    BCFTOOLS_VIEW(vcf)
    ch_versions = ch_versions.mix(BCFTOOLS_VIEW.out.versions.first())

    BCFTOOLS_STATS(BCFTOOLS_VIEW.out.vcf)
    ch_versions = ch_versions.mix(BCFTOOLS_STATS.out.versions.first())

    emit:
    stats    = BCFTOOLS_STATS.out.stats
    versions = ch_versions
}
