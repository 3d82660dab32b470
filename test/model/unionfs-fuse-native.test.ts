// the model test on the subject "unionfs-fuse-native".
import { modelTest } from './suite.js'

await modelTest('unionfs-fuse-native', 4000)
