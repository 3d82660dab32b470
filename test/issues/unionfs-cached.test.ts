// every regression case on the subject "unionfs-cached".
import { suiteTest } from '../conformance/suite.js'

await suiteTest('issues', 'unionfs-cached')
