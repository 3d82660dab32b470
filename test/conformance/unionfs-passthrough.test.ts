// every conformance case on the subject "unionfs-passthrough".
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'unionfs-passthrough')
