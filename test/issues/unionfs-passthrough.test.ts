// every regression case on the subject "unionfs-passthrough".
import { suiteTest } from '../conformance/suite.js'

await suiteTest('issues', 'unionfs-passthrough')
