// the model test on the subject "unionfs-passthrough".
import { modelTest } from './suite.js'

await modelTest('unionfs-passthrough')
