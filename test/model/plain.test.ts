// the model test on the subject "plain".
import { modelTest } from './suite.js'

await modelTest('plain')
