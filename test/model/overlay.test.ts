// the model test on the subject "overlay".
import { modelTest } from './suite.js'

await modelTest('overlay')
