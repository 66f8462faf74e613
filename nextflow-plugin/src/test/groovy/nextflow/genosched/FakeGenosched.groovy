/* Runs src/test/resources/fake_genosched in one of its modes. */
package nextflow.genosched

import groovy.transform.CompileStatic

import java.nio.file.Files
import java.nio.file.Path

@CompileStatic
class FakeGenosched {

    final Path folder = Files.createTempDirectory('fake-genosched')
    private final String mode

    FakeGenosched(String mode) {
        this.mode = mode
    }

    GenoschedProcess process() {
        final script = new File(FakeGenosched.getResource('/fake_genosched').toURI()).path
        return new GenoschedProcess(['bash', script, mode, folder.toString()])
    }

    GenoschedProcess started() {
        final result = process()
        result.start()
        return result
    }

    int getLives() { folder.resolve('lives').text.trim() as int }

    /** The requests of one method, each as "LIFE JSON". */
    List<String> requests(String method) {
        final file = folder.resolve('requests')
        return Files.exists(file) ? file.readLines().findAll { it.contains("\"method\":\"$method\"") } : []
    }
}
