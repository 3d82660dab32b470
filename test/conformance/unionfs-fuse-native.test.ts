// every conformance case on the subject "unionfs-fuse-native".
import { suiteTest } from './suite.js'

await suiteTest('conformance', 'unionfs-fuse-native')
