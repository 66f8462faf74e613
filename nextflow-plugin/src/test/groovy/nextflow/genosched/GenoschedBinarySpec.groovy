package nextflow.genosched

import nextflow.exception.AbortOperationException
import spock.lang.Specification
import spock.lang.TempDir
import spock.lang.Unroll

import java.nio.file.Files
import java.nio.file.Path

class GenoschedBinarySpec extends Specification {

    @TempDir
    Path dir

    private Path program(String path, boolean executable = true) {
        def file = dir.resolve(path)
        Files.createDirectories(file.parent)
        file.text = '#!/bin/sh\n'
        file.toFile().setExecutable(executable)
        return file
    }

    def 'should take the option first, then the bundle, then PATH'() {
        given:
        def own = program('own/genosched')
        def bundled = program("plugin/bin/${GenoschedBinary.platform()}/genosched")
        def onPath = program('path/genosched')
        def path = "${dir.resolve('empty')}:${onPath.parent}".toString()
        expect:
        new GenoschedBinary(dir.resolve('plugin'), path).locate(own.toString()) == own
        new GenoschedBinary(dir.resolve('plugin'), path).locate(null) == bundled
        new GenoschedBinary(dir.resolve('other'), path).locate(null) == onPath
        new GenoschedBinary(null, path).locate('genosched') == onPath
    }

    def 'should make bundled programs executable, which Nextflow unpacks without modes'() {
        given:
        def bundled = program("bin/${GenoschedBinary.platform()}/genosched", false)
        def shim = program("bin/${GenoschedBinary.platform()}/genosched-shim", false)
        expect:
        new GenoschedBinary(dir, '').locate(null) == bundled
        Files.isExecutable(bundled)
        Files.isExecutable(shim)
    }

    @Unroll
    def 'should say what is wrong with #option'() {
        given:
        program('plain', false)
        Files.createDirectories(dir.resolve('folder'))
        when:
        new GenoschedBinary(null, '/no/path').locate(option.replace('DIR', dir.toString()))
        then:
        def e = thrown(AbortOperationException)
        e.message.contains(problem)
        e.message.contains("Install genosched $GenoschedPlugin.VERSION")
        where:
        option       | problem
        'DIR/absent' | 'there is no such file'
        'DIR/folder' | 'it is a folder'
        'DIR/plain'  | 'it is not executable'
        'gsched'     | 'no such program is on PATH (/no/path)'
    }

    def 'should tell how to get a program that is nowhere'() {
        when:
        new GenoschedBinary(dir, '/no/path').locate(null)
        then:
        def e = thrown(AbortOperationException)
        e.message.contains('/no/path')
        e.message.contains('genosched.binary')
    }

    @Unroll
    def 'should judge version #version as #fits'() {
        when:
        boolean accepted = true
        try {
            GenoschedBinary.checkVersion(version, 'x')
        }
        catch( AbortOperationException ignored ) {
            accepted = false
        }
        then:
        accepted == fits
        where:
        version     | fits
        '0.1.0'     | true
        '0.1.7'     | true
        '0.1.0-rc1' | true
        '0.2.0'     | false
        '1.1.0'     | false
        'nonsense'  | false
        null        | false
    }
}
