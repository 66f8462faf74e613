/*
 * What can go wrong between the plugin and genosched, as three types:
 * an error that genosched answered (GenoschedException), a genosched that is
 * gone before it answered (GenoschedGoneException), and a task that is to be
 * run again in a fresh work directory (GenoschedRepeatException).
 */
package nextflow.genosched

import groovy.transform.CompileStatic
import nextflow.exception.ProcessException
import nextflow.exception.ProcessRetryableException

/** genosched answered a request with an error; `code` is that of the protocol. */
@CompileStatic
class GenoschedException extends RuntimeException {

    static final int HELD = -32002
    static final int BACKEND = -32003
    static final int CONFIGURATION = -32004
    static final int STORE = -32005

    final int code
    final Map data

    GenoschedException(int code, String message, Map data = null) {
        super(message)
        this.code = code
        this.data = data ?: Collections.emptyMap()
    }
}

/** genosched ended, or stopped answering, before the reply came. */
@CompileStatic
class GenoschedGoneException extends IOException {
    GenoschedGoneException(String message, Throwable cause = null) {
        super(message, cause)
    }
}

/**
 * Makes Nextflow run the task again in a fresh work directory, whatever the
 * errorStrategy, with the attempt number unchanged.
 */
@CompileStatic
class GenoschedRepeatException extends ProcessException implements ProcessRetryableException {
    GenoschedRepeatException(String message) {
        super(message)
    }
}
