/*
 * Derives GenoschedScopeSpec from GenoschedScope: the same options declared
 * against nextflow.config.spec (25.10 and newer) instead of
 * nextflow.config.schema (25.04), so that the list is written only once.
 */
import java.nio.file.Files
import java.nio.file.Path

final base = project.basedir.toPath()
final source = base.resolve('src/main/groovy/nextflow/genosched/GenoschedScope.groovy')
final Path target = Path.of(project.build.directory,
        'generated-sources/groovy/nextflow/genosched/GenoschedScopeSpec.groovy')
final text = Files.readString(source)
        .replace('nextflow.config.schema.', 'nextflow.config.spec.')
        .replace('class GenoschedScope ', 'class GenoschedScopeSpec ')
if( !text.contains('class GenoschedScopeSpec ') )
    throw new IllegalStateException("No 'class GenoschedScope ' in $source: the derived options would be empty")
Files.createDirectories(target.parent)
if( !Files.exists(target) || Files.readString(target) != text )
    Files.writeString(target, text)
