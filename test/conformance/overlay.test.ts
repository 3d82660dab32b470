// every conformance case on the subject "overlay".
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'overlay')
