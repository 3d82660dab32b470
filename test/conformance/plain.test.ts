// every conformance case on the subject "plain".
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'plain')
