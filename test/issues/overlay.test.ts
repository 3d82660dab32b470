// every regression case on the subject "overlay".
import { suiteTest } from '../conformance/suite.js'

await suiteTest('issues', 'overlay')
