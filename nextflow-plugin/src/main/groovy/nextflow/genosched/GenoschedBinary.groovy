/*
 * Finds the genosched program: the option `genosched.binary`, then the one
 * bundled in the plugin for this system, then PATH. Also judges whether the
 * program that answered is one this plugin can work with.
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import groovy.util.logging.Slf4j
import nextflow.exception.AbortOperationException

import java.nio.file.Files
import java.nio.file.Path

@Slf4j
@CompileStatic
class GenoschedBinary {

    private static final String NAME = 'genosched'

    private final Path pluginDir
    private final String searchPath

    GenoschedBinary(Path pluginDir, String searchPath) {
        this.pluginDir = pluginDir
        this.searchPath = searchPath ?: ''
    }

    Path locate(String option) {
        if( option )
            return fromOption(option)
        final found = bundled() ?: onPath(NAME)
        if( found == null )
            throw new AbortOperationException("Cannot find the program 'genosched', which runs the tasks of executor 'genosched':" +
                    " it is not bundled in the plugin${pluginDir ? " ($pluginDir/bin/${platform()})" : ''}" +
                    " and not on PATH ($searchPath). Install genosched ${GenoschedPlugin.VERSION}, or set" +
                    " genosched.binary = '/path/to/genosched' in the Nextflow configuration.")
        return found
    }

    private Path fromOption(String option) {
        final hasFolder = option.contains('/')
        final home = System.getProperty('user.home')
        final full = option.startsWith('~/') ? home + option.substring(1) : option
        final found = hasFolder ? Path.of(full).toAbsolutePath() : onPath(option)
        final problem = found == null ? "no such program is on PATH ($searchPath)"
                : !Files.exists(found) ? 'there is no such file'
                : Files.isDirectory(found) ? 'it is a folder'
                : !Files.isExecutable(found) ? 'it is not executable'
                : null
        if( problem )
            throw new AbortOperationException("Cannot use genosched.binary = '$option': $problem." +
                    " Install genosched ${GenoschedPlugin.VERSION} there, or point the option at the program," +
                    " or remove it to use the genosched on PATH.")
        return found
    }

    private Path bundled() {
        if( pluginDir == null )
            return null
        final dir = pluginDir.resolve("bin/${platform()}")
        final file = dir.resolve(NAME)
        if( !Files.isRegularFile(file) )
            return null
        // Nextflow unpacks plugins without their file modes.
        for( String name : [NAME, "$NAME-shim".toString()] ) {
            final program = dir.resolve(name)
            if( Files.exists(program) && !Files.isExecutable(program) && !program.toFile().setExecutable(true) )
                log.warn "Cannot make $program executable: the genosched bundled in the plugin is passed over"
        }
        return Files.isExecutable(file) ? file : null
    }

    private Path onPath(String name) {
        for( String dir : searchPath.tokenize(File.pathSeparator) ) {
            final file = Path.of(dir).resolve(name).toAbsolutePath()
            if( Files.isRegularFile(file) && Files.isExecutable(file) )
                return file
        }
        return null
    }

    /** Name of this system in the plugin's bin folder, for example `linux-x86_64`. */
    static String platform() {
        final os = System.getProperty('os.name').toLowerCase().replace(' ', '')
        final arch = System.getProperty('os.arch')
        return "$os-${arch == 'amd64' ? 'x86_64' : arch}"
    }

    /** Throws if a genosched of this version must not be used. Patch levels may differ. */
    static void checkVersion(Object version, Object program) {
        final own = GenoschedPlugin.VERSION
        if( series(version?.toString()) == series(own) )
            return
        throw new AbortOperationException("$program is genosched ${version ?: 'of an unknown version'}, but this is" +
                " nf-genosched $own, which needs genosched ${series(own)}.x: the two would misunderstand each other." +
                " Install genosched $own (or the plugin nf-genosched of the program's version)," +
                " or point genosched.binary at a matching program.")
    }

    private static String series(String version) {
        final parts = version?.tokenize('.')
        return parts == null || parts.size() < 2 ? null : parts[0] + '.' + parts[1]
    }
}
