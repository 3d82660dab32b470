// every conformance case on the subject "unionfs-sealed": lowers that are answered from the path index.
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'unionfs-sealed')
