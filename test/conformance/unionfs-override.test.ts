// every conformance case on the subject "unionfs-override": owners, modes and types are kept in xattrs of the upper's files.
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'unionfs-override')
