// every conformance case on the subject "unionfs-cached".
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'unionfs-cached')
