/* Tasks for the unit tests: real configuration, a mocked processor. */
package nextflow.genosched

import com.google.common.hash.HashCode
import nextflow.Session
import nextflow.file.FileHolder
import nextflow.processor.TaskConfig
import nextflow.processor.TaskId
import nextflow.processor.TaskProcessor
import nextflow.processor.TaskRun
import nextflow.script.BodyDef
import nextflow.script.params.FileInParam
import nextflow.script.params.ValueInParam
import spock.lang.Specification

import java.nio.file.Files
import java.nio.file.Path

abstract class TaskFixture extends Specification {

    static final HashCode HASH = HashCode.fromString('0123456789abcdef0123456789abcdef')

    /**
     * @param config directives, as in a pipeline
     * @param with `process`, `name`, `script`, `source`, `values` [name: value], `files` [stageName: Path],
     *             `dir`, `index`
     */
    TaskRun aTask(Map config = [:], Map with = [:]) {
        def session = Stub(Session) { getContainerConfig(_) >> null }
        def body = new BodyDef({ -> '' }, with.source ?: 'echo hello')
        def processor = Stub(TaskProcessor) {
            getName() >> (with.process ?: 'PHASE')
            getTaskBody() >> body
            getSession() >> session
            getProcessEnvironment() >> [:]
        }
        def task = Spy(new TaskRun())
        task.processor = processor
        task.config = new TaskConfig(config)
        task.name = with.name ?: 'PHASE (chr7)'
        task.index = with.index ?: 1
        task.id = TaskId.of(1)
        task.hash = HASH
        task.workDir = (with.dir ?: Files.createTempDirectory('task')) as Path
        task.script = with.script ?: 'echo hello'
        task.source = with.source ?: 'echo hello'
        (with.values ?: [:]).each { name, value ->
            def param = Stub(ValueInParam) { getName() >> name }
            task.inputs.put(param, value)
        }
        task.getInputFilesMap() >> (with.files ?: [:])
        task.isContainerEnabled() >> (with.container != null)
        task.getContainer() >> with.container
        task.getEnvironment() >> [:]
        return task
    }
}
