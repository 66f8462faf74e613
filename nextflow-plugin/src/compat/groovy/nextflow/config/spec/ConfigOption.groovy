/* Stand-in for older versions of Nextflow, see ConfigScope in this folder. */
package nextflow.config.spec

import java.lang.annotation.ElementType
import java.lang.annotation.Retention
import java.lang.annotation.RetentionPolicy
import java.lang.annotation.Target

@Retention(RetentionPolicy.RUNTIME)
@Target([ElementType.FIELD])
@interface ConfigOption {
    Class[] types() default []
}
