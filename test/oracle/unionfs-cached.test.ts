// the cross-mount oracle between "unionfs-cached" and "overlay".
import { oracleTest } from './suite.js'

await oracleTest('unionfs-cached', 'overlay', [1, 2, 3, 4, 5, 6])
