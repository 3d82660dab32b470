// the cross-mount oracle between "unionfs-passthrough" and "overlay".
import { oracleTest } from './suite.js'

await oracleTest('unionfs-passthrough', 'overlay', [1, 2, 3, 4, 5, 6])
