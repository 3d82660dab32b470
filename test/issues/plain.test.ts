// every regression case on the subject "plain".
import { suiteTest } from '../conformance/suite.js'

await suiteTest('issues', 'plain')
