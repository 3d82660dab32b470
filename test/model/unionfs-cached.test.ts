// the model test on the subject "unionfs-cached".
import { modelTest } from './suite.js'

await modelTest('unionfs-cached')
